# shellcheck shell=bash
# What each script here begins with: it stops at the first error, and knows the variables and the accounts.

set -euo pipefail
shopt -s inherit_errexit 2>/dev/null || true

say() { printf '%s\n' "$*"; }

# did TEXT…: say what was done; a dry run does nothing.
did() {
  [[ -n ${DRY_RUN:-} ]] || say "$@"
}

# stop TEXT…: end with a line that says what is wrong.
stop() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

((BASH_VERSINFO[0] >= 4)) || stop "expected bash 4 or newer, found $BASH_VERSION; install a newer one"
infra=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(dirname "$infra")
cd "$root" || exit

# shellcheck source=infra/shell/records.sh
source "$infra/shell/records.sh"
# shellcheck source=infra/shell/names.sh
source "$infra/shell/names.sh"
# shellcheck source=infra/shell/gcloud.sh
source "$infra/shell/gcloud.sh"
# shellcheck source=infra/shell/grants.sh
source "$infra/shell/grants.sh"
# shellcheck source=infra/shell/project.sh
source "$infra/shell/project.sh"
# shellcheck source=infra/shell/services.sh
source "$infra/shell/services.sh"

check_variables
read_accounts
