#!/usr/bin/env bash
# Makes the log-based metrics and the alert policies of infra/alerts.yaml, and the channel to ALERT_EMAIL.
# shellcheck source=infra/shell/start.sh
source "$(dirname "${BASH_SOURCE[0]}")/../shell/start.sh"

channel() {
  look beta monitoring channels list '--filter=displayName="ib-intents"' '--format=value(name)' || found=
  if [[ -z $found ]]; then
    act beta monitoring channels create --display-name=ib-intents --type=email \
      "--channel-labels=email_address=$ALERT_EMAIL" --format=none
    did "channel to $ALERT_EMAIL: made"
    look beta monitoring channels list '--filter=displayName="ib-intents"' '--format=value(name)' || found=CHANNEL
  fi
  # shellcheck disable=SC2034 # `rendered` reads it by its name
  CHANNEL=$found
}

# metric NAME FILTER: the log-based metric that counts what FILTER finds.
metric() {
  if [[ $'\n'$listed == *$'\n'"$1|"* ]]; then
    if [[ $'\n'$listed$'\n' == *$'\n'"$1|$2"$'\n'* ]]; then
      say "metric $1: is there"
      return
    fi
    act logging metrics update "$1" "--log-filter=$2" --format=none
    did "metric $1: changed"
  else
    act logging metrics create "$1" "--log-filter=$2" "--description=ib-intents: $1" --format=none
    did "metric $1: made"
  fi
}

# shellcheck disable=SC2034 # `rendered` reads the variables by their names
alert() {
  local NAME=${record[name]} SAYS=${record[says]} FILTER=${record[metric]:-} SECONDS_S=$((record[minutes] * 60)) SUM=
  local COMPARISON=COMPARISON_GT THRESHOLD=${record[above]:-} MISSING=EVALUATION_MISSING_DATA_INACTIVE ALIGNER=ALIGN_MAX
  local text file
  if [[ -n ${record[log]:-} ]]; then
    metric "ib-intents-$NAME" "${record[log]}"
    FILTER="metric.type=\"logging.googleapis.com/user/ib-intents-$NAME\" AND resource.type=\"cloud_run_revision\""
    ALIGNER=ALIGN_SUM
  fi
  if [[ -n ${record[below]:-} ]]; then
    COMPARISON=COMPARISON_LT THRESHOLD=${record[below]} MISSING=EVALUATION_MISSING_DATA_ACTIVE
  fi
  text=$(rendered infra/alert-policy.yaml NAME SAYS FILTER SECONDS_S SUM COMPARISON THRESHOLD MISSING ALIGNER CHANNEL)
  SUM=$(cksum <<<"$text")
  SUM=${SUM// /-}
  file=$filled/alert-$NAME.yaml
  rendered infra/alert-policy.yaml NAME SAYS FILTER SECONDS_S SUM COMPARISON THRESHOLD MISSING ALIGNER CHANNEL >"$file"
  policy "$NAME" "$SUM" "$file"
}

# policy NAME SUM FILE: make it, or change one that was made from another description.
policy() {
  local line
  line=$(grep -F "|ib-intents: $1|" <<<"$policies" || true)
  if [[ -z $line ]]; then
    act alpha monitoring policies create "--policy-from-file=$3" --format=none
    did "alert $1: made"
  elif [[ $line == *"|$2" ]]; then
    say "alert $1: is there"
  else
    act alpha monitoring policies update "${line%%|*}" "--policy-from-file=$3" --format=none
    did "alert $1: changed"
  fi
}

channel
list logging metrics list '--format=value[separator="|"](name,filter)'
look alpha monitoring policies list '--format=value[separator="|"](name,displayName,userLabels.ib-intents)' || found=
policies=$found
each_record infra/alerts.yaml alerts alert
