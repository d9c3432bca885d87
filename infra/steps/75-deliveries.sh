#!/usr/bin/env bash
# Makes each account's push subscription, with what becomes of messages that nobody acknowledges.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

for account in "${accounts[@]}"; do
  subscription=$(subscription_of "$account")
  filter="attributes.account = \"$account\""
  [[ ${default_of[$account]} == false ]] || filter="NOT attributes:account OR $filter"
  if look pubsub subscriptions describe "$subscription" '--format=value(filter)'; then
    [[ $found == "$filter" ]] || stop "$subscription: expected the filter $filter, found $found; a filter can't be \
changed: once nothing waits in it, delete it with gcloud pubsub subscriptions delete $subscription and run this again"
    say "subscription $subscription: is there"
    continue
  fi
  url_of "$account"
  url=$found
  act pubsub subscriptions create "$subscription" --topic=intents "--push-endpoint=$url/" \
    "--push-auth-service-account=$push_account" "--push-auth-token-audience=$url" \
    --ack-deadline=600 --min-retry-delay=10s --max-retry-delay=300s \
    --dead-letter-topic=intents-dead-letter --max-delivery-attempts=100 \
    --message-retention-duration=7d --expiration-period=never "--message-filter=$filter" --format=none
  did "subscription $subscription: made"
done
grant_all subscription
