#!/usr/bin/env bash
# Puts back what an account's service ran before: the release of the revision before the present one.
#
#   infra/rollback.sh DU1234567

needs="PROJECT_ID GCP_REGION SERVICE_NAME_BASE REPO_NAME"
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/shell/start.sh"

account=${1:-}
[[ -n $account && -n ${mode_of[$account]:-} && $# == 1 ]] ||
  stop "expected an account of $accounts_file (${accounts[*]}), found '$*'"
service=$(service_of "$account")
look run revisions list "--service=$service" "--region=$GCP_REGION" '--sort-by=~metadata.creationTimestamp' \
  '--format=value(metadata.labels.commit)' || found=
mapfile -t commits <<<"$found"
before=
for commit in "${commits[@]}"; do
  if [[ -n $commit && $commit != "${commits[0]}" ]]; then
    before=$commit
    break
  fi
done
[[ -n $before ]] || stop "$service: expected a revision of another commit to go back to, found none"
say "$account: from ${commits[0]} back to $before"
IMAGE_TAG=$before exec bash infra/release.sh "$account"
