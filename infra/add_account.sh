#!/usr/bin/env bash
# Adds an IB user: writes its entry into infra/accounts.yaml, and deploys what it lacks.
#
#   infra/add_account.sh U7654321 live ib-live-credentials [CONFIGURATION]

# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/shell/start.sh"

[[ $# == 3 || $# == 4 ]] || stop "expected ACCOUNT, paper or live, SECRET and perhaps a configuration file, found '$*'"
present=$accounts_file
accounts_file=$present.new
trap 'rm -f "$accounts_file"' EXIT
printf '%s\n  - account: %s\n    mode: %s\n    default: false\n    secret: %s\n    configuration: %s\n' \
  "$(<"$present")" "$1" "$2" "$3" "${4:-infra/configuration.example.yaml}" >"$accounts_file"
read_accounts # the new list is checked before it takes the old one's place
mv "$accounts_file" "$present"
say "$1 is in $present; commit that file"
exec bash infra/deploy.sh
