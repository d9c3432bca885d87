# shellcheck shell=bash
# What a service is made of, and how one is replaced; the credentials of its gateway.

# add_credentials ACCOUNT: store a new version of its secret, from the environment or from the terminal.
add_credentials() {
  local account=$1 user=${IB_USERNAME:-} password=${IB_PASSWORD:-}
  if [[ -n $DRY_RUN ]]; then
    act secrets versions add "${secret_of[$account]}" --data-file=- --format=none
    return
  fi
  if ((${#accounts[@]} > 1)) || [[ -z $user || -z $password ]]; then
    [[ -t 0 ]] || stop "IB_USERNAME and IB_PASSWORD: expected those of $account, found none and no terminal to ask at; \
run infra/rotate_credentials.sh $account in one"
    read -r -p "IB user name of $account: " user
    read -r -s -p "Password of $user: " password
    printf '\n'
  fi
  [[ -n $user && -n $password ]] || stop "expected a user name and a password for $account, found none"
  # Each by itself: in the arguments of a command, bash goes on after a refusal.
  user=$(in_json "$user")
  password=$(in_json "$password")
  printf '{"userid": "%s", "password": "%s"}' "$user" "$password" |
    act secrets versions add "${secret_of[$account]}" --data-file=- --format=none
  did "secret ${secret_of[$account]}: a version added"
}

# in_json TEXT: print it as it stands between the quotes of a JSON string.
in_json() {
  local text=${1//\\/\\\\}
  [[ $text != *[[:cntrl:]]* ]] || stop "expected a name or password without control characters, found one"
  printf '%s' "${text//\"/\\\"}"
}

# service_file ACCOUNT: print the description of its service.
# shellcheck disable=SC2034 # `rendered` reads the variables by their names
service_file() {
  local ACCOUNT=$1 SERVICE TAG WORKER_ACCOUNT MODE DEFAULT GATEWAY_PORT=4002 SECRET BUCKET=$bucket REGISTRY=$registry
  SERVICE=$(service_of "$1") TAG=$tag WORKER_ACCOUNT=$(worker_account_of "$1")
  MODE=${mode_of[$1]} DEFAULT=${default_of[$1]} SECRET=${secret_of[$1]}
  [[ $MODE == paper ]] || GATEWAY_PORT=4001
  rendered infra/service.yaml SERVICE TAG WORKER_ACCOUNT REGISTRY PROJECT_ID ACCOUNT MODE DEFAULT GATEWAY_PORT SECRET BUCKET
}

# replace_service ACCOUNT: let Cloud Run run what the description says, and wait until it serves.
replace_service() {
  local file
  file=$filled/$(service_of "$1").yaml
  service_file "$1" >"$file"
  act run services replace "$file" "--region=$GCP_REGION" --format=none
}

# replace_job ACCOUNT: a job in which any trader command runs beside the deployed worker.
replace_job() {
  local account=$1
  act run jobs deploy "$(job_of "$account")" "--region=$GCP_REGION" "--image=$registry/worker:$tag" \
    "--service-account=$(worker_account_of "$account")" --max-retries=0 --task-timeout=20m \
    --command=python "--args=-P,-m,trader.entrypoints.cli,settled" "--labels=commit=$tag" \
    "--set-env-vars=TRADER_BACKEND=google,TRADER_PROJECT=$PROJECT_ID,TRADER_ACCOUNT=$account,TRADER_MODE=${mode_of[$account]},TRADER_DEFAULT=${default_of[$account]}" \
    --format=none
}

# in_job ACCOUNT ARGUMENT…: run a trader command in the account's job, and wait for its end.
in_job() {
  local account=$1 arguments='^@@^-P@@-m@@trader.entrypoints.cli' each
  shift
  for each in "$@"; do
    [[ $each != *@@* ]] || stop "expected no @@ in what a job is told, found one in: $each"
    arguments+="@@$each"
  done
  act run jobs execute "$(job_of "$account")" "--region=$GCP_REGION" "--args=$arguments" --wait --format=none
}

# url_of ACCOUNT: put its service's address into `found`.
url_of() {
  if [[ -n $DRY_RUN ]]; then
    found=https://SERVICE_URL
  else
    look run services describe "$(service_of "$1")" "--region=$GCP_REGION" '--format=value(status.url)' ||
      stop "expected the service $(service_of "$1"), found none; run infra/deploy.sh --only 70-services"
    [[ $found == https://* ]] || stop "expected an address of $(service_of "$1"), found '$found'; is it deployed?"
  fi
}

# stop_deliveries, resume_deliveries ACCOUNT: without an endpoint Pub/Sub keeps what comes.
stop_deliveries() {
  act pubsub subscriptions modify-push-config "$(subscription_of "$1")" --push-endpoint=
  did "$1: deliveries are stopped; what comes now waits"
}

resume_deliveries() {
  url_of "$1"
  act pubsub subscriptions modify-push-config "$(subscription_of "$1")" "--push-endpoint=$found/" \
    "--push-auth-service-account=$push_account" "--push-auth-token-audience=$found" &&
    did "$1: deliveries go on"
}
