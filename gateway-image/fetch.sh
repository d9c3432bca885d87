#!/usr/bin/env bash
# fetch.sh NAME URL SHA256 FILE: gets what the image installs, and refuses it unless its checksum is the one given.
set -euo pipefail
name=$1 url=$2 wanted=$3 file=$4

refuse() {
  printf '%s\n' "$*" >&2
  exit 2
}
[[ -n $url ]] || refuse "${name}_URL: expected where to get it, found none; see gateway-image/README.md"
[[ $wanted =~ ^[0-9a-f]{64}$ ]] || refuse "${name}_SHA256: expected 64 hex digits, found '$wanted'; see gateway-image/README.md"
curl --fail --silent --show-error --location --output "$file" "$url" ||
  refuse "${name}_URL: expected a file at $url, found none"
found=$(sha256sum "$file" | cut -d' ' -f1)
[[ $found == "$wanted" ]] || refuse "${name}_SHA256: expected $wanted, found $found: this is not what it says"
