#!/usr/bin/env bash
# Makes the build triggers: paper at each push, and live, which waits for a person's approval.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

if [[ -z ${GITHUB_OWNER:-} ]]; then
  say "no triggers: GITHUB_OWNER and GITHUB_REPO aren't set, so images are built by infra/deploy.sh alone"
  exit 0
fi
find_registry
given="_IMAGES=$registry,_REGION=$GCP_REGION,_BASE=$SERVICE_NAME_BASE,_REPO=$REPO_NAME"
for name in GATEWAY_URL GATEWAY_VERSION GATEWAY_SHA256 IBC_URL IBC_VERSION IBC_SHA256; do
  given+=",_$name=${!name}"
done

# trigger MODE FLAG…: a trigger that releases the accounts of this mode.
trigger() {
  local mode=$1
  shift
  ensure "trigger $SERVICE_NAME_BASE-$mode" \
    builds triggers describe "$SERVICE_NAME_BASE-$mode" "--region=$GCP_REGION" -- \
    builds triggers create github "--name=$SERVICE_NAME_BASE-$mode" "--region=$GCP_REGION" \
    "--repo-owner=$GITHUB_OWNER" "--repo-name=$GITHUB_REPO" '--branch-pattern=^main$' \
    --build-config=cloudbuild.yaml "--service-account=projects/$PROJECT_ID/serviceAccounts/$builder_account" \
    "--substitutions=$given,_DEPLOY=$mode" "$@" --format=none
}
trigger paper
trigger live --require-approval
