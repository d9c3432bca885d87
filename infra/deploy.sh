#!/usr/bin/env bash
# Brings a project to what the files here say, step by step; a second run makes nothing anew.
#
#   infra/deploy.sh                  every step
#   infra/deploy.sh --from 70-services   go on there
#   infra/deploy.sh --only 85-schedules  that one alone
#   infra/deploy.sh --dry-run        print the commands and ask nobody

# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/shell/start.sh"

from='' only=''
while (($#)); do
  case $1 in
    --dry-run) DRY_RUN=yes ;;
    --from | --only)
      [[ -r infra/steps/${2:-}.sh ]] || stop "$1: expected a step such as 70-services, found '${2:-}'"
      if [[ $1 == --from ]]; then from=$2; else only=$2; fi
      shift
      ;;
    *) stop "expected --dry-run, --from STEP or --only STEP, found $1" ;;
  esac
  shift
done
export DRY_RUN

check_project
for file in infra/steps/*.sh; do
  step=${file##*/}
  step=${step%.sh}
  [[ -z $only || $step == "$only" ]] || continue
  [[ $step < $from ]] && continue
  say
  say "== $step"
  bash "$file" || stop "step $step failed, see above; correct it and go on with: infra/deploy.sh --from $step"
done
say
[[ -z $DRY_RUN ]] || {
  say "nothing was changed: these are the commands of a first deployment"
  exit 0
}
say "done. Publish an intent and read its result:"
say "  gcloud pubsub topics publish intents --project=$PROJECT_ID --message='{\"intent\": \"summary\"}'"
say "  gcloud pubsub subscriptions pull results-console --project=$PROJECT_ID --auto-ack"
