# shellcheck shell=bash
# Makes the grants that infra/grants.yaml lists, each kind of resource in the step that makes the resource.

# grant_all KIND…: make each grant on a resource of these kinds that isn't made yet.
grant_all() {
  granted_on='' standing=''
  local kind
  for kind in "$@"; do
    each_record infra/grants.yaml grants grant_read "$kind"
  done
}

grant_read() {
  local wanted=$1 account kind=${record[resource]%% *}
  [[ $kind == "$wanted" ]] || return 0
  if [[ "${record[resource]} ${record[member]}" == *'{account}'* ]]; then
    for account in "${accounts[@]}"; do
      grant "${record[resource]//\{account\}/$account}" "${record[member]//\{account\}/$account}" "${record[role]}"
    done
  else
    grant "${record[resource]}" "${record[member]}" "${record[role]}"
  fi
}

# grant RESOURCE WHOM ROLE: make one, unless it is there.
grant() {
  local role=$3 resource=() flags=() condition=--condition=None member
  # shellcheck disable=SC2086 # the words of a grant are its arguments
  set_resource $1
  # shellcheck disable=SC2086
  set_member $2
  if [[ $granted_on != "$1" ]]; then
    granted_on=$1 standing=
    if look "${resource[@]:0:${#resource[@]}-1}" get-iam-policy "${resource[-1]}" "${flags[@]}" \
      '--flatten=bindings[].members' '--format=value[separator=" "](bindings.role,bindings.members)'; then
      standing=$found
    fi
  fi
  if [[ $'\n'$standing$'\n' == *$'\n'"$role $member"$'\n'* ]]; then
    say "$role on $1 to $2: is granted"
  else
    act "${resource[@]:0:${#resource[@]}-1}" add-iam-policy-binding "${resource[-1]}" "${flags[@]}" \
      "--member=$member" "--role=$role" ${condition:+"$condition"} '--format=none'
    did "$role on $1 to $2: granted"
  fi
}

set_resource() {
  flags=()
  case $1 in
    topic | reading | subscription | service | job) condition= ;; # gcloud takes none there
  esac
  case $1 in
    project) resource=(projects "$PROJECT_ID") ;;
    topic) resource=(pubsub topics "$2") ;;
    reading) resource=(pubsub subscriptions "$2") ;;
    subscription) resource=(pubsub subscriptions "$(subscription_of "$2")") ;;
    secret) resource=(secrets "${secret_of[$2]}") ;;
    bucket) resource=(storage buckets "gs://$bucket") ;;
    service) resource=(run services "$(service_of "$2")") flags=("--region=$GCP_REGION") ;;
    job) resource=(run jobs "$(job_of "$2")") flags=("--region=$GCP_REGION") ;;
    repository) resource=(artifacts repositories "$REPO_NAME") flags=("--location=$GCP_REGION") ;;
    identity)
      case $2 in
        push) resource=(iam service-accounts "$push_account") ;;
        worker) resource=(iam service-accounts "$(worker_account_of "$3")") ;;
        *) stop "infra/grants.yaml: resource: expected identity push or identity worker {account}, found identity $2" ;;
      esac
      ;;
    *) stop "infra/grants.yaml: resource: expected a kind of resource that the scripts know, found $1" ;;
  esac
}

set_member() {
  local agent=
  case $1 in
    worker) member=serviceAccount:$(worker_account_of "$2") ;;
    push) member=serviceAccount:$push_account ;;
    builder) member=serviceAccount:$builder_account ;;
    operator) member=user:$USER_EMAIL_ACCOUNT ;;
    pubsub) agent=pubsub ;;
    scheduler) agent=cloudscheduler ;;
    *) stop "infra/grants.yaml: member: expected someone whom the scripts know, found $1" ;;
  esac
  if [[ -n $agent ]]; then
    know_project_number
    member=serviceAccount:service-$PROJECT_NUMBER@gcp-sa-$agent.iam.gserviceaccount.com
  fi
}

# know_project_number: have the project's number, which the names of Google's service agents have in them.
know_project_number() {
  if [[ -z ${PROJECT_NUMBER:-} ]]; then
    look projects describe "$PROJECT_ID" '--format=value(projectNumber)' || found=PROJECT_NUMBER
    PROJECT_NUMBER=$found
  fi
}
