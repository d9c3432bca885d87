#!/usr/bin/env bash
# Starts Xvfb and IB Gateway under IBC, forwards SIGTERM as a logout, and ends with the gateway's status.
#
# It runs twice: the first time it renders IBC's configuration from the credentials, and then it executes itself
# anew without them, so that no process of this container has them in its environment.
set -euo pipefail

image=${IMAGE_DIR:-/opt/gateway-image}
ibc=${IBC_PATH:-/opt/ibc}
jts=${GATEWAY_PATH:-/opt/jts}
settings=${SETTINGS_DIR:-$HOME/settings}
run=${RUN_DIR:-$HOME/run}
ini=$run/config.ini
display=${GATEWAY_DISPLAY:-:99}
stop_s=${STOP_S:-8} # Cloud Run kills after ten

say() { printf 'gatewaystart: %s\n' "$*" >&2; }
refuse() {
  say "$*"
  exit 2
}

if [[ ${1:-} != --configured ]]; then
  mkdir -p "$run" "$settings" || refuse "SETTINGS_DIR: expected a folder to write in, found $settings"
  chmod 700 "$run"
  told=$(python3 "$image/configure.py" "$ini" "$image/config.ini.template") || exit $?
  eval "$told" # mode, ports and the names of the secrets, quoted by configure.py
  unset_all=()
  # shellcheck disable=SC2154 # told sets it
  for name in $secrets; do unset_all+=(-u "$name"); done
  # shellcheck disable=SC2154 # told sets them
  exec env "${unset_all[@]}" "$0" --configured "$mode" "$port" "$command_port"
fi
mode=$2
port=$3
command_port=$4
trap 'rm -f "$ini"' EXIT

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
for taken in "$port" "$command_port"; do
  if answers "$taken"; then refuse "port $taken: expected it free, found it taken; is another gateway beside this one?"; fi
done
start=$ibc/scripts/ibcstart.sh
[[ -x $start ]] || refuse "IBC_PATH: expected IBC at $ibc, found no scripts/ibcstart.sh"

Xvfb "$display" -screen 0 1024x768x24 -nolisten tcp &
xvfb=$!
socket=/tmp/.X11-unix/X${display#:}
for _ in {1..100}; do
  [[ -e $socket ]] && break
  kill -0 "$xvfb" 2>/dev/null || refuse "expected Xvfb to start, found it ended; see above"
  sleep 0.1
done
[[ -e $socket ]] || refuse "expected Xvfb to serve $display, found no $socket"

say "starting IB Gateway $GATEWAY_VERSION, $mode, API on 127.0.0.1:$port"
DISPLAY=$display setsid "$start" "$GATEWAY_VERSION" --gateway "--tws-path=$jts" "--tws-settings-path=$settings" \
  "--ibc-path=$ibc" "--ibc-ini=$ini" "--mode=$mode" --on2fatimeout=restart &
gateway=$!

# shellcheck disable=SC2329 # the trap below invokes it
stop() {
  trap '' TERM INT
  say "stopping: the gateway logs out"
  if { exec 3<>"/dev/tcp/127.0.0.1/$command_port"; } 2>/dev/null; then
    printf 'STOP\n' >&3 || true
    exec 3>&- || true
  else
    kill -TERM -- "-$gateway" 2>/dev/null || true
  fi
  for ((n = 0; n < stop_s * 10; n++)); do
    kill -0 "$gateway" 2>/dev/null || return 0
    sleep 0.1
  done
  say "the gateway did not log out within $stop_s s and is ended"
  kill -KILL -- "-$gateway" 2>/dev/null || true
}
trap stop TERM INT

status=0
wait "$gateway" || status=$?
# A signal ends the first wait; the gateway's own status is that of the second.
if kill -0 "$gateway" 2>/dev/null; then
  status=0
  wait "$gateway" || status=$?
else
  wait "$gateway" 2>/dev/null && status=0 || status=$?
fi
kill -TERM "$xvfb" 2>/dev/null || true
wait "$xvfb" 2>/dev/null || true
say "the gateway ended with $status"
exit "$status"
