#!/usr/bin/env bash
# Stores new credentials of an IB user; the next revision's gateway logs in with them.
#
#   infra/rotate_credentials.sh DU1234567 && infra/release.sh DU1234567

# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/shell/start.sh"

account=${1:-}
[[ -n $account && -n ${mode_of[$account]:-} && $# == 1 ]] ||
  stop "expected an account of $accounts_file (${accounts[*]}), found '$*'"
add_credentials "$account"
say "older versions stay until you destroy them: gcloud secrets versions list ${secret_of[$account]} --project=$PROJECT_ID"
