# shellcheck shell=bash
# The variables of the deployment and the accounts, checked, and each name that follows from them.

accounts_file=${ACCOUNTS_FILE:-infra/accounts.yaml}
schedules_file=${SCHEDULES_FILE:-infra/schedules.yaml}

# check_variables: say all that is missing or malformed at once, and stop if anything is.
check_variables() {
  local wrong=()
  expect PROJECT_ID '^[a-z][a-z0-9-]{4,28}[a-z0-9]$' "a project's id"
  expect GCP_REGION '^[a-z]+-[a-z]+[0-9]+$' 'a region such as us-east4'
  expect USER_EMAIL_ACCOUNT '^[^@[:space:]]+@[^@[:space:]]+$' 'an e-mail address'
  expect ALERT_EMAIL '^[^@[:space:]]+@[^@[:space:]]+$' 'an e-mail address'
  expect BILLING_ACCOUNT '^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$' 'an account such as 0X0X0X-0X0X0X-0X0X0X'
  expect BUDGET_AMOUNT '^[1-9][0-9]*$' 'a whole amount'
  expect SERVICE_NAME_BASE '^[a-z][a-z0-9-]{1,15}[a-z0-9]$' '3 to 17 small letters, digits and hyphens'
  expect REPO_NAME '^[a-z][a-z0-9-]{0,61}[a-z0-9]$' 'small letters, digits and hyphens'
  expect FIRESTORE_LOCATION '^[a-z]+-?[a-z0-9]+$' 'a location such as us-east4 or nam5'
  expect GATEWAY_URL '^https://[^[:space:]]+$' 'an https address'
  expect GATEWAY_VERSION '^[0-9]+$' 'a version such as 1037'
  expect GATEWAY_SHA256 '^[0-9a-f]{64}$' '64 hex digits'
  expect IBC_URL '^https://[^[:space:]]+$' 'an https address'
  expect IBC_VERSION '^[0-9.]+$' 'a version such as 3.23.0'
  expect IBC_SHA256 '^[0-9a-f]{64}$' '64 hex digits'
  if [[ -n ${GITHUB_OWNER:-} && -z ${GITHUB_REPO:-} || -z ${GITHUB_OWNER:-} && -n ${GITHUB_REPO:-} ]]; then
    wrong+=("GITHUB_OWNER and GITHUB_REPO: expected both or neither, found one")
  fi
  if ((${#wrong[@]})); then
    printf 'error: %s\n' "${wrong[@]}" >&2
    stop 'fill in deployment_vars.sh (infra/deployment_vars.example.sh shows it) and source it; nothing was changed'
  fi
  domain=$PROJECT_ID.iam.gserviceaccount.com
  push_account=$SERVICE_NAME_BASE-push@$domain
  builder_account=$SERVICE_NAME_BASE-builder@$domain
  bucket=$PROJECT_ID-$SERVICE_NAME_BASE-data
}

# expect VARIABLE PATTERN WHAT: add a line to `wrong` unless the variable is as expected, or isn't among those needed.
expect() {
  [[ -z ${needs:-} || " $needs " == *" $1 "* ]] || return 0
  [[ ${!1:-} =~ $2 ]] || wrong+=("$1: expected $3, found '${!1:-}'")
}

# read_accounts: read the accounts into `accounts`, and what belongs to each into arrays with it as their key.
read_accounts() {
  accounts=() default_account=
  declare -gA mode_of=() secret_of=() configuration_of=() default_of=()
  each_record "$accounts_file" accounts account_read
  ((${#accounts[@]})) || stop "$accounts_file: expected at least one account, found none"
  [[ -n $default_account ]] || stop "$accounts_file: expected one account with default: true, found none"
}

account_read() {
  local account=${record[account]:-} mode=${record[mode]:-} key
  local where="$accounts_file: account '$account'"
  for key in "${!record[@]}"; do
    [[ $key =~ ^(account|mode|default|secret|configuration)$ ]] ||
      stop "$where: expected account, mode, default, secret and configuration, found $key"
  done
  [[ $account =~ ^[A-Z]{1,3}[0-9]{4,12}$ ]] || stop "$where: expected an IB account such as DU1234567"
  [[ -z ${mode_of[$account]:-} ]] || stop "$where: expected each account once, found it twice; remove one entry"
  [[ $mode == paper || $mode == live ]] || stop "$where: mode: expected paper or live, found '$mode'"
  [[ $mode == paper && $account != D* || $mode == live && $account == D* ]] &&
    stop "$where: expected mode paper for an account that begins with D, and live for any other; found $mode"
  [[ ${record[default]:-} == true || ${record[default]:-} == false ]] ||
    stop "$where: default: expected true or false, found '${record[default]:-}'"
  [[ ${record[secret]:-} =~ ^[A-Za-z0-9_-]{1,255}$ ]] ||
    stop "$where: secret: expected a secret's name, found '${record[secret]:-}'"
  local other
  for other in "${accounts[@]}"; do
    [[ ${secret_of[$other]} != "${record[secret]}" ]] ||
      stop "$where: secret: expected one of its own, found that of $other: IB allows one session a user name"
  done
  if [[ ${record[default]} == true ]]; then
    [[ -z $default_account ]] ||
      stop "$where: expected one account with default: true, found $default_account too"
    default_account=$account
  fi
  [[ -r ${record[configuration]:-} ]] ||
    stop "$where: configuration: expected a file to read, found '${record[configuration]:-}'"
  accounts+=("$account")
  mode_of[$account]=$mode
  secret_of[$account]=${record[secret]}
  default_of[$account]=${record[default]}
  configuration_of[$account]=${record[configuration]}
}

service_of() { printf '%s-%s\n' "$SERVICE_NAME_BASE" "${1,,}"; }
worker_account_of() { printf '%s@%s\n' "$(service_of "$1")" "$domain"; }
subscription_of() { printf 'worker-%s\n' "$1"; }
job_of() { printf '%s-trader\n' "$(service_of "$1")"; }

# find_registry: put where the images are into `registry`.
find_registry() {
  registry=REGISTRY
  [[ -z $DRY_RUN ]] || return 0
  look artifacts repositories describe "$REPO_NAME" "--location=$GCP_REGION" '--format=value(registryUri)' ||
    stop "REPO_NAME: expected the repository $REPO_NAME, found none; run infra/deploy.sh --only 30-repository"
  registry=$found
  [[ -n $registry ]] || stop "expected the address of the repository $REPO_NAME, found none; is gcloud up to date?"
}

# find_tag: put the images' tag into `tag`: the commit, unless IMAGE_TAG says otherwise.
find_tag() {
  local head ref name
  tag=${IMAGE_TAG:-}
  if [[ -z $tag && -r .git/HEAD ]]; then
    read -r head <.git/HEAD
    ref=${head#ref: }
    if [[ $head == "$ref" ]]; then
      tag=$head
    elif [[ -r .git/$ref ]]; then
      read -r tag <".git/$ref"
    elif [[ -r .git/packed-refs ]]; then # where git keeps it once it has tidied up
      while read -r head name; do
        [[ $name != "$ref" ]] || tag=$head
      done <.git/packed-refs
    fi
  fi
  [[ -n $tag ]] || stop "IMAGE_TAG: expected the tag of the images, found none and no commit; set it"
}
