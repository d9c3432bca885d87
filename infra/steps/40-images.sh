#!/usr/bin/env bash
# Builds both images with Cloud Build, unless those of this commit are there.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

find_registry
find_tag
if look artifacts tags list --package=worker "--repository=$REPO_NAME" "--location=$GCP_REGION" \
  '--format=value(name)' && [[ $'\n'$found$'\n' == *[$'\n'/]"$tag"$'\n'* ]]; then
  say "images $tag: are there"
  exit 0
fi
given="COMMIT_SHA=$tag,_IMAGES=$registry,_DEPLOY=no"
for name in GATEWAY_URL GATEWAY_VERSION GATEWAY_SHA256 IBC_URL IBC_VERSION IBC_SHA256; do
  given+=",_$name=${!name}"
done
quiet="" act builds submit . --config=cloudbuild.yaml "--region=$GCP_REGION" "--substitutions=$given" \
  "--service-account=projects/$PROJECT_ID/serviceAccounts/$builder_account" --format=none
did "images $tag: made"
