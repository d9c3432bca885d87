#!/usr/bin/env bash
# Makes a Cloud Scheduler job for each job of infra/schedules.yaml and each account that it is for, and pauses the others.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

still='PAUSED|DISABLED' # the states that publish nothing; a job that Google has disabled can't be paused

# scheduled: make the record's job, change it, or pause it, for each account.
scheduled() {
  local name=${record[name]} whose=() account
  mapfile -t whose < <(items "${record[accounts]:-[]}")
  ((${#whose[@]})) || whose=("${accounts[@]}")
  for account in "${whose[@]}"; do
    [[ -n ${mode_of[$account]:-} ]] || stop "$schedules_file: job $name: expected accounts of $accounts_file, found $account"
    job "$(service_of "$account")-$name" "$account"
  done
}

job() {
  named+=$1$'\n'
  local id=$1 account=$2 cron=${record[cron]} zone=${record[timeZone]} state="" is=""
  # Another separator, as a cron expression may have commas.
  local attributes="^|^schedule=${record[name]}|cron=$cron|timeZone=$zone|account=$account"
  local wanted="$cron|$zone|${record[message]}|${record[description]}"
  local fields=("--location=$GCP_REGION" "--topic=projects/$PROJECT_ID/topics/intents" "--schedule=$cron" "--time-zone=$zone"
    "--message-body=${record[message]}" "--description=${record[description]}"
    --max-retry-attempts=3 --max-retry-duration=80s --min-backoff=5s --max-backoff=20s --format=none)
  if [[ $'\n'$listed$'\n' == *$'\n'"$id|"* ]]; then
    is=$'\n'$listed
    is=${is#*$'\n'"$id|"}
    is=${is%%$'\n'*} state=${is%%|*} is=${is#*|}
  fi
  if [[ ${record[enabled]} != true ]]; then
    if [[ -n $state && $state != @($still) ]]; then
      act scheduler jobs pause "$id" "--location=$GCP_REGION" --format=none
      did "job $id: paused"
    fi
  elif [[ -z $state ]]; then
    act scheduler jobs create pubsub "$id" "${fields[@]}" "--attributes=$attributes"
    did "job $id: made"
  else
    if [[ $is != "$wanted" ]]; then
      act scheduler jobs update pubsub "$id" "${fields[@]}" "--update-attributes=$attributes"
      did "job $id: changed"
    else
      say "job $id: is there"
    fi
    if [[ $state == PAUSED ]]; then
      act scheduler jobs resume "$id" "--location=$GCP_REGION" --format=none
      did "job $id: goes on"
    elif [[ $state == DISABLED ]]; then
      say "job $id: publishes nothing, as Google has switched it off; look why, delete it and run this again"
    fi
  fi
}

# unnamed ACCOUNT: pause its jobs that the file names no more: they would go on, and nobody would miss their results.
unnamed() {
  local id state
  # Descriptor 9, so that gcloud doesn't read the rest of the list.
  while IFS='|' read -r id state _ <&9; do
    if [[ $id == "$(service_of "$1")-"* && $state != @($still) && $'\n'$named != *$'\n'"$id"$'\n'* ]]; then
      act scheduler jobs pause "$id" "--location=$GCP_REGION" --format=none
      did "job $id: paused, as $schedules_file names it no more"
    fi
  done 9<<<"$listed"
}

named=
list scheduler jobs list "--location=$GCP_REGION" --format='value[separator="|"](
  name.basename(),state,schedule,timeZone,pubsubTarget.data.decode(base64),description)'
each_record "$schedules_file" schedules scheduled
for account in "${accounts[@]}"; do
  unnamed "$account"
done
# So that a result that doesn't come is missed.
in_job "$default_account" schedules apply --text "$(<"$schedules_file")"
did "the results of the jobs that stand are expected"
