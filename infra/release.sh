#!/usr/bin/env bash
# Replaces an account's revision with that of this commit (or of IMAGE_TAG), so that no run is cut off.
#
#   infra/release.sh DU1234567     one account
#   infra/release.sh --mode paper  every account of that mode
#
# Deliveries stop, runs come to their ends, the service is replaced, its gateway logs in, deliveries go on.

needs="PROJECT_ID GCP_REGION SERVICE_NAME_BASE REPO_NAME"
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/shell/start.sh"

SETTLE_S=${SETTLE_S:-900} # for the runs to come to their ends
READY_S=${READY_S:-600}   # for the gateway to log in; a live one waits for a person's approval
LOOK_S=${LOOK_S:-10}

usage() { stop "expected an account of $accounts_file (${accounts[*]}) or --mode paper|live, found '$*'"; }

chosen=()
case ${1:-} in
  --mode)
    [[ ${2:-} == paper || ${2:-} == live ]] || usage "$@"
    for account in "${accounts[@]}"; do
      [[ ${mode_of[$account]} != "$2" ]] || chosen+=("$account")
    done
    ;;
  *)
    [[ -n ${1:-} && -n ${mode_of[$1]:-} && $# == 1 ]] || usage "$@"
    chosen=("$1")
    ;;
esac

stopped=
interrupted() {
  [[ -z $stopped ]] || {
    say "$stopped: the release failed; what is deployed now stays"
    (resume_deliveries "$stopped") || say "$stopped: its deliveries are still stopped; release it again"
  }
}
trap interrupted EXIT

# until_ready ACCOUNT: wait for the log line in which the new revision's worker says that its gateway is ready.
until_ready() {
  local service revision waited=0
  service=$(service_of "$1")
  [[ -z $DRY_RUN ]] || return 0
  look run services describe "$service" "--region=$GCP_REGION" '--format=value(status.latestReadyRevisionName)' || found=
  revision=$found
  while ((waited <= READY_S)); do
    look logging read "resource.type=\"cloud_run_revision\" AND resource.labels.revision_name=\"$revision\" AND \
jsonPayload.message=\"gateway\" AND jsonPayload.state=\"ready\"" --limit=1 --freshness=1h '--format=value(timestamp)' || found=
    if [[ -n $found ]]; then
      say "$1: $revision is ready since $found"
      return 0
    fi
    sleep "$LOOK_S"
    waited=$((waited + LOOK_S))
  done
  return 1
}

release() {
  local account=$1
  url_of "$account" # what isn't deployed has no deliveries that could go on
  stopped=$account
  stop_deliveries "$account"
  in_job "$account" settled --wait "$SETTLE_S" ||
    stop "$account: expected its runs to come to their ends within $SETTLE_S s, found one that didn't, or no answer; \
infra/trader.sh $account settled says which; nothing was replaced"
  did "$account: no run is being carried out"
  replace_service "$account"
  replace_job "$account"
  did "$account: $(service_of "$account") has $tag now"
  # A worker whose gateway isn't ready sends deliveries back, so they may go on in any case.
  local ready=yes
  until_ready "$account" || ready=
  stopped=
  resume_deliveries "$account"
  [[ -n $ready ]] || stop "$account: expected its gateway to be ready within $READY_S s, found it isn't; does it wait \
for an approval on a phone? Its intents wait until then. To go back: infra/rollback.sh $account"
}

((${#chosen[@]})) || say "no account of mode $2"
find_registry
find_tag
for account in "${chosen[@]}"; do
  release "$account"
done
