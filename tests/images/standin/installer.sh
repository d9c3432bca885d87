#!/bin/sh
# Stands in for IB Gateway's offline installer, called as that is: -q -dir DIR. The programs follow below.
set -eu
dir=$3
mkdir -p "$dir/jars"
tail -n +9 "$0" | tar xz -C "$dir/jars"
touch "$dir/ibgateway.vmoptions"
exit 0
