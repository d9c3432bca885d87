#!/usr/bin/env bash
# Makes the topics, and the subscriptions that people read.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

list pubsub topics list '--format=value(name)'
for topic in intents results intents-dead-letter; do
  ensure_listed "topic $topic" "$topic" \
    pubsub topics create "$topic" --message-retention-duration=7d --format=none
done

# reading NAME TOPIC: a subscription from which a person, or trader replay, pulls.
reading() {
  ensure_listed "subscription $1" "$1" \
    pubsub subscriptions create "$1" "--topic=$2" --ack-deadline=60 --message-retention-duration=7d \
    --expiration-period=never --format=none
}
list pubsub subscriptions list '--format=value(name)'
reading results-console results
reading intents-dead-letter intents-dead-letter
grant_all topic reading
