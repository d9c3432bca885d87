#!/usr/bin/env bash
# Removes all that the steps made, after asking. Positions and orders at the broker stay: close them first.
#
#   infra/teardown.sh              keeps the database, which is the record of what was traded
#   infra/teardown.sh --with-data  removes that too

# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/shell/start.sh"

with_data=
case $* in
  '') ;;
  --with-data) with_data=yes ;;
  *) stop "expected --with-data or nothing, found $*" ;;
esac

printf 'This removes ib-intents from %s%s. Type the project to go on: ' "$PROJECT_ID" "${with_data:+, its database and bars}" >&2
read -r answer || answer=
[[ $answer == "$PROJECT_ID" ]] || stop "expected $PROJECT_ID, found '$answer'; nothing was removed"
check_project

# removed WHAT NAME ARGUMENT…: take away what is among the names in `listed`.
removed() {
  local what=$1 name=$2
  shift 2
  if [[ -n $DRY_RUN || $'\n'$listed$'\n' == *[$'\n'/]"$name"$'\n'* ]]; then
    act "$@"
    did "$what $name: removed"
  fi
}

# unscheduled ACCOUNT: its jobs, those too that the schedules name no more.
unscheduled() {
  local id
  for id in $listed; do
    if [[ $id == "$(service_of "$1")-"* ]]; then
      act scheduler jobs delete "$id" "--location=$GCP_REGION"
      did "job $id: removed"
    fi
  done
}
list scheduler jobs list "--location=$GCP_REGION" '--format=value(name.basename())'
for account in "${accounts[@]}"; do
  unscheduled "$account"
done
list pubsub subscriptions list '--format=value(name)'
for account in "${accounts[@]}"; do
  removed subscription "$(subscription_of "$account")" pubsub subscriptions delete "$(subscription_of "$account")"
done
for subscription in results-console intents-dead-letter; do
  removed subscription "$subscription" pubsub subscriptions delete "$subscription"
done
list pubsub topics list '--format=value(name)'
for topic in intents results intents-dead-letter; do
  removed topic "$topic" pubsub topics delete "$topic"
done
list run services list "--region=$GCP_REGION" '--format=value(metadata.name)'
for account in "${accounts[@]}"; do
  removed service "$(service_of "$account")" run services delete "$(service_of "$account")" "--region=$GCP_REGION"
done
list run jobs list "--region=$GCP_REGION" '--format=value(metadata.name)'
for account in "${accounts[@]}"; do
  removed job "$(job_of "$account")" run jobs delete "$(job_of "$account")" "--region=$GCP_REGION"
done
list secrets list '--format=value(name)'
for account in "${accounts[@]}"; do
  removed secret "${secret_of[$account]}" secrets delete "${secret_of[$account]}"
done
list builds triggers list "--region=$GCP_REGION" '--format=value(name)'
for mode in paper live; do
  removed trigger "$SERVICE_NAME_BASE-$mode" \
    builds triggers delete "$SERVICE_NAME_BASE-$mode" "--region=$GCP_REGION"
done
list artifacts repositories list "--location=$GCP_REGION" '--format=value(name)'
removed repository "$REPO_NAME" artifacts repositories delete "$REPO_NAME" "--location=$GCP_REGION"

# each_found WHAT LIST… -- DELETE…: take away each that the list names.
each_found() {
  local what=$1 asked=() name
  shift
  while [[ $1 != -- ]]; do
    asked+=("$1")
    shift
  done
  shift
  list "${asked[@]}" '--format=value(name)'
  for name in $listed; do
    act "$@" "$name"
    did "$what ${name##*/}: removed"
  done
}
each_found alert alpha monitoring policies list '--filter=displayName:"ib-intents: "' -- alpha monitoring policies delete
each_found channel beta monitoring channels list '--filter=displayName="ib-intents"' -- beta monitoring channels delete
each_found metric logging metrics list '--filter=name:ib-intents-' -- logging metrics delete
each_found budget billing budgets list "--billing-account=$BILLING_ACCOUNT" \
  "--filter=displayName=ib-intents-$PROJECT_ID" -- billing budgets delete

# ungranted: the record's grant, where it is on the project, which stays.
ungranted() {
  [[ ${record[resource]} == project ]] || return 0
  local account member
  for account in "${accounts[@]}"; do
    # shellcheck disable=SC2086 # the words of a grant are its arguments
    set_member ${record[member]//\{account\}/$account}
    if [[ -n $DRY_RUN || $'\n'$listed$'\n' == *$'\n'"${record[role]} $member"$'\n'* ]]; then
      act projects remove-iam-policy-binding "$PROJECT_ID" "--member=$member" "--role=${record[role]}" --all --format=none
    fi
    [[ ${record[member]} == *'{account}'* ]] || break
  done
}
list projects get-iam-policy "$PROJECT_ID" '--flatten=bindings[].members' \
  '--format=value[separator=" "](bindings.role,bindings.members)'
each_record infra/grants.yaml grants ungranted
list iam service-accounts list '--format=value(email)'
for email in "$push_account" "$builder_account"; do
  removed "service account" "$email" iam service-accounts delete "$email"
done
for account in "${accounts[@]}"; do
  email=$(worker_account_of "$account")
  removed "service account" "$email" iam service-accounts delete "$email"
done

# is_there DESCRIBE…: whether it hasn't been removed yet; a dry run asks nobody.
is_there() { [[ -n $DRY_RUN ]] || look "$@" '--format=value(name)'; }

if [[ -n $with_data ]]; then
  if is_there firestore databases describe '--database=(default)'; then
    act firestore databases update '--database=(default)' --no-delete-protection --format=none
    act firestore databases delete '--database=(default)'
    did "database (default): removed"
  fi
  if is_there storage buckets describe "gs://$bucket"; then
    act storage rm --recursive "gs://$bucket"
    did "bucket $bucket: removed"
  fi
else
  say "kept: the database (default), and the bucket $bucket"
fi
