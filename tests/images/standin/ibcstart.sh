#!/usr/bin/env bash
# Stands in for IBC's scripts/ibcstart.sh: the same arguments, and behind them the simulated gateway. As IBC's does, it
# starts the gateway again when that has ended to be restarted.
set -euo pipefail
version=$1
for argument in "$@"; do
  case $argument in
    --tws-path=*) programs=${argument#*=}/ibgateway/$version/jars ;;
    --tws-settings-path=*) settings=${argument#*=} ;;
    --ibc-ini=*) ini=${argument#*=} ;;
  esac
done
export PYTHONPATH=$programs${PYTHONPATH:+:$PYTHONPATH}
while :; do
  rm -f "$settings/autorestart"
  status=0
  "${STANDIN_PYTHON:-python3}" "$(dirname "$0")/standin.py" "$ini" "$settings" || status=$?
  [[ -e $settings/autorestart ]] || exit "$status"
done
