#!/usr/bin/env bash
# Makes the repository of the images.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

ensure "repository $REPO_NAME" artifacts repositories describe "$REPO_NAME" "--location=$GCP_REGION" -- \
  artifacts repositories create "$REPO_NAME" "--location=$GCP_REGION" --repository-format=docker \
  '--description=ib-intents: the gateway and the worker' --format=none
grant_all repository
