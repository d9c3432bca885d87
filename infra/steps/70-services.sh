#!/usr/bin/env bash
# Deploys a Cloud Run service for each account: the worker, and beside it the gateway. And a job for trader commands.
#
# A service that is there is replaced only by infra/release.sh, which first lets its runs come to their ends.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

find_registry
find_tag
for account in "${accounts[@]}"; do
  service=$(service_of "$account")
  if look run services describe "$service" "--region=$GCP_REGION" '--format=value(metadata.labels.commit)'; then
    if [[ $found == "$tag" ]]; then
      say "service $service: is there"
    else
      say "service $service: has ${found:-no commit}; to replace it run infra/release.sh $account"
    fi
  else
    replace_service "$account"
    did "service $service: made"
  fi
  if look run jobs describe "$(job_of "$account")" "--region=$GCP_REGION" '--format=value(metadata.name)'; then
    say "job $(job_of "$account"): is there"
  else
    replace_job "$account"
    say "job $(job_of "$account"): made"
  fi
done
grant_all service job
