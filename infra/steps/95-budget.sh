#!/usr/bin/env bash
# Makes a budget: Google writes to the billing account's administrators at 50, 90 and 100 percent, and stops nothing.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

look billing budgets list "--billing-account=$BILLING_ACCOUNT" "--filter=displayName=ib-intents-$PROJECT_ID" \
  '--format=value(name)' || found=
if [[ -n $found ]]; then
  say "budget ib-intents-$PROJECT_ID: is there"
else
  act billing budgets create "--billing-account=$BILLING_ACCOUNT" "--display-name=ib-intents-$PROJECT_ID" \
    "--budget-amount=$BUDGET_AMOUNT" "--filter-projects=projects/$PROJECT_ID" --threshold-rule=percent=0.5 \
    --threshold-rule=percent=0.9 --threshold-rule=percent=1.0 --format=none
  did "budget ib-intents-$PROJECT_ID: made"
fi
