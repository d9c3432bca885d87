#!/usr/bin/env bash
# Writes each account's first configuration, once: what is in the store is never overwritten. Trading stays halted.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

for account in "${accounts[@]}"; do
  # shellcheck disable=SC2034 # `rendered` reads it by its name
  ACCOUNT=$account
  text=$(rendered "${configuration_of[$account]}" ACCOUNT)
  in_job "$account" config set --once --text "$text"
  did "$account: has a configuration"
done
