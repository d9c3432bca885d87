#!/usr/bin/env bash
# Switches on the Google services that the system uses, and has Google make its agents that are granted something.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

wanted=(artifactregistry billingbudgets cloudbuild cloudscheduler firestore iam logging monitoring pubsub run
  secretmanager storage)
list services list --enabled '--format=value(config.name)'
missing=()
for name in "${wanted[@]}"; do
  [[ $'\n'$listed$'\n' == *$'\n'"$name.googleapis.com"$'\n'* ]] || missing+=("$name.googleapis.com")
done
if ((${#missing[@]} == 0)); then
  say "services: are on"
  exit 0
fi
# Google makes them only when they are first needed. The other services come last: where this fails, they are still
# missing in the next run, which then does it again.
act services enable pubsub.googleapis.com cloudscheduler.googleapis.com
for agent in pubsub cloudscheduler; do
  act beta services identity create "--service=$agent.googleapis.com" --format=none
done
act services enable "${missing[@]}"
did "services: switched on ${missing[*]%.googleapis.com}"
