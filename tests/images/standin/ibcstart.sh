#!/usr/bin/env bash
# Stands in for IBC's scripts/ibcstart.sh: the same arguments, and behind them the simulated gateway.
set -euo pipefail
for argument in "$@"; do
  case $argument in
    --ibc-ini=*) ini=${argument#*=} ;;
    --tws-settings-path=*) settings=${argument#*=} ;;
  esac
done
exec "${STANDIN_PYTHON:-python3}" "$(dirname "$0")/standin.py" "$ini" "$settings"
