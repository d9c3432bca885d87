# shellcheck shell=bash
# What is looked at before anything is changed: gcloud, the project, its billing, and names that something else has.

oldest_gcloud=528 # the version with which these scripts were tried

check_project() {
  [[ -z $DRY_RUN ]] || return 0
  local version
  command -v gcloud >/dev/null || stop "expected the Google Cloud CLI, found no gcloud; install it"
  version=$(gcloud version --format='value("Google Cloud SDK")') || version='none that runs'
  [[ ${version%%.*} =~ ^[0-9]+$ && ${version%%.*} -ge $oldest_gcloud ]] ||
    stop "expected gcloud $oldest_gcloud or newer, found $version; run gcloud components update"
  look projects describe "$PROJECT_ID" '--format=value(projectNumber,lifecycleState)' ||
    stop "PROJECT_ID: expected a project, found none named $PROJECT_ID; correct it, or create it"
  [[ $found == *$'\t'ACTIVE ]] || stop "PROJECT_ID: expected an active project, found $PROJECT_ID in state ${found#*$'\t'}"
  export PROJECT_NUMBER=${found%%$'\t'*}
  look billing projects describe "$PROJECT_ID" '--format=value(billingEnabled)' || found=
  [[ $found == True ]] ||
    stop "expected billing for $PROJECT_ID, found none; gcloud billing projects link $PROJECT_ID --billing-account=$BILLING_ACCOUNT"
  check_names
}

# is_on SERVICE: whether this service of Google's is among those that are listed as on.
is_on() { [[ $'\n'$listed$'\n' == *$'\n'"$1.googleapis.com"$'\n'* ]]; }

# check_names: stop if a name that the steps would use is taken by something else.
check_names() {
  local account subscription
  # Where a service isn't on yet, nothing of it can be there, and Google refuses to say so.
  list services list --enabled '--format=value(config.name)'
  if is_on artifactregistry &&
    look artifacts repositories describe "$REPO_NAME" "--location=$GCP_REGION" '--format=value(format)'; then
    [[ $found == DOCKER ]] || taken REPO_NAME "a repository of images" "$REPO_NAME is one of $found"
  fi
  if is_on firestore && look firestore databases describe '--database=(default)' '--format=value(type)'; then
    [[ $found == FIRESTORE_NATIVE ]] ||
      taken PROJECT_ID "a database in Firestore's native mode" "(default) is $found"
  fi
  for account in "${accounts[@]}"; do
    if is_on run && look run services describe "$(service_of "$account")" "--region=$GCP_REGION" \
      '--format=value(metadata.labels.ib-intents)'; then
      [[ $found == service ]] || taken SERVICE_NAME_BASE "a service of ours" "$(service_of "$account") is another's"
    fi
    subscription=$(subscription_of "$account")
    if is_on pubsub && look pubsub subscriptions describe "$subscription" '--format=value(topic)'; then
      [[ $found == "projects/$PROJECT_ID/topics/intents" ]] ||
        taken "$accounts_file" "$subscription to be a subscription of intents" "it is one of ${found##*/}"
    fi
  done
}

taken() { stop "$1: expected $2, found that $3; choose another name, or remove it; nothing was changed"; }
