#!/usr/bin/env bash
# Runs a trader command beside an account's deployed worker, and prints what it said.
#
#   infra/trader.sh DU1234567 state
#   infra/trader.sh DU1234567 state halt --reason "looking into it"

needs="PROJECT_ID GCP_REGION SERVICE_NAME_BASE REPO_NAME"
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/shell/start.sh"

account=${1:-}
[[ -n $account && -n ${mode_of[$account]:-} && $# -gt 1 ]] ||
  stop "expected an account of $accounts_file (${accounts[*]}) and a trader command, found '$*'"
shift
for word in "$@"; do
  [[ $word != --json ]] ||
    stop "expected what a person reads, found --json: the log takes lines of JSON apart; use trader itself where the store is in reach"
done
status=0
in_job "$account" "$@" || status=$?
job=$(job_of "$account")
look run jobs executions list "--job=$job" "--region=$GCP_REGION" --limit=1 '--format=value(metadata.name)' || found=
execution=$found
# Logs come a moment after the end.
for ((n = 0; n < 6; n++)); do
  look logging read "resource.type=\"cloud_run_job\" AND labels.\"run.googleapis.com/execution_name\"=\"$execution\"" \
    --freshness=1h --order=asc '--format=value(textPayload)' || found=
  [[ -z $found ]] || break
  sleep "${LOOK_S:-5}"
done
say "${found:-nothing in its log yet: gcloud logging read of $execution shows it later}"
exit "$status"
