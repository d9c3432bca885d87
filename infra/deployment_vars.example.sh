# shellcheck shell=bash
# The variables of a deployment: copy this file, fill in what is empty, and source the copy.
#
#   cp infra/deployment_vars.example.sh deployment_vars.sh
#   source deployment_vars.sh
#
# No password belongs in here: infra/steps/20-secrets.sh asks for it.

export PROJECT_ID=""         # an empty project, or one where these names are free
export GCP_REGION="us-east4" # where everything runs; this one is near IB's servers
export USER_EMAIL_ACCOUNT="" # the person who publishes intents, reads results and halts trading
export ALERT_EMAIL=""        # who is told when something is wrong
export BILLING_ACCOUNT=""    # such as 0X0X0X-0X0X0X-0X0X0X, for the budget alert
export BUDGET_AMOUNT="150"   # a month, in the billing account's currency

export SERVICE_NAME_BASE="ib-trading" # the beginning of each name; at most 17 letters
export REPO_NAME="cloud-run-repo"     # the repository of the images
export FIRESTORE_LOCATION="us-east4"  # can't be changed later

# The gateway's installer and IBC; gateway-image/README.md says where each value comes from.
export GATEWAY_URL=""
export GATEWAY_VERSION=""
export GATEWAY_SHA256=""
export IBC_URL=""
export IBC_VERSION=""
export IBC_SHA256=""

# For builds at each push: both, or neither.
export GITHUB_OWNER=""
export GITHUB_REPO=""
