#!/usr/bin/env bash
# Makes the Firestore database, its indexes and the end of old runs, and the bucket for collected bars.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

ensure "database (default)" firestore databases describe '--database=(default)' -- \
  firestore databases create '--database=(default)' "--location=$FIRESTORE_LOCATION" --type=firestore-native \
  --delete-protection --format=none

# indexed GROUP FIELD COUNT FLAG: give a field the index that FLAG says, or none, unless it has as many.
indexed() {
  if [[ $'\n'$listed$'\n' == *"/collectionGroups/$1/fields/$2,$3"$'\n'* ]]; then
    say "$1.$2: ${4#--}"
  else
    act firestore indexes fields update "$2" "--collection-group=$1" "$4" --async --format=none
    did "$1.$2: made ${4#--}"
  fi
}

list firestore fields ttls list '--format=value(name)'
ending=$listed
list firestore indexes fields list '--format=csv[no-heading](name,indexConfig.indexes.len())'
# infra/firestore.indexes.json has one field a line.
n=0
while IFS= read -r line; do
  n=$((n + 1))
  [[ $line =~ \"collectionGroup\":\ \"([a-z]+)\",\ \"fieldPath\":\ \"([*_A-Za-z]+)\",(.*) ]] || continue
  group=${BASH_REMATCH[1]} field=${BASH_REMATCH[2]} rest=${BASH_REMATCH[3]}
  if [[ $rest == *'"ttl": true'* ]]; then
    if [[ $'\n'$ending$'\n' == *"/$group/fields/$field"$'\n'* ]]; then
      say "$group.$field: ends old documents"
    else
      act firestore fields ttls update "$field" "--collection-group=$group" --enable-ttl --async --format=none
      did "$group.$field: will end old documents"
    fi
    count=0 wanted=--disable-indexes
  elif [[ $rest == *'"indexes": []'* ]]; then
    count=0 wanted=--disable-indexes
  elif [[ $rest == *'"indexes": [{"order": "ASCENDING", "queryScope": "COLLECTION"}]'* ]]; then
    count=1 wanted=--index=order=ascending
  else
    stop "infra/firestore.indexes.json:$n: expected no index or one ascending one, found $rest"
  fi
  indexed "$group" "$field" "$count" "$wanted"
done <infra/firestore.indexes.json

ensure "bucket $bucket" storage buckets describe "gs://$bucket" -- \
  storage buckets create "gs://$bucket" "--location=$GCP_REGION" --uniform-bucket-level-access \
  --public-access-prevention --format=none
grant_all bucket
