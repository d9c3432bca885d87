#!/usr/bin/env bash
# Makes a secret for each IB user, with {"userid": …, "password": …} as its first version.
#
# The credentials come from IB_USERNAME and IB_PASSWORD if there is one account, else the script asks for them.
# infra/rotate_credentials.sh gives a new version.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

for account in "${accounts[@]}"; do
  secret=${secret_of[$account]}
  ensure "secret $secret" secrets describe "$secret" -- \
    secrets create "$secret" --replication-policy=automatic --format=none
  if look secrets versions list "$secret" '--filter=state=ENABLED' '--format=value(name)' && [[ -n $found ]]; then
    say "secret $secret: has a version"
  else
    add_credentials "$account"
  fi
done
grant_all secret
