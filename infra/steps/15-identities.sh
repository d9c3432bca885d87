#!/usr/bin/env bash
# Makes the service accounts and their grants on the project; infra/grants.yaml lists each with its reason.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

identity() {
  local email=$1 what=$2
  ensure_listed "service account ${email%%@*}" "$email" \
    iam service-accounts create "${email%%@*}" "--display-name=$what" --format=none
}

list iam service-accounts list '--format=value(email)'
for account in "${accounts[@]}"; do
  identity "$(worker_account_of "$account")" "ib-intents: the worker of $account"
done
identity "$push_account" "ib-intents: what Pub/Sub calls the workers as"
identity "$builder_account" "ib-intents: what Cloud Build runs as"
grant_all project identity
