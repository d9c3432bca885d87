#!/usr/bin/env bash
# Whether images can be built and run here, in one line: with what, or (exit code 1) why not.
# With --install, what is missing is installed first.
set -euo pipefail

packages=(buildah podman runc crun debootstrap netavark uidmap)
within_s=180

cannot() {
  echo "$*"
  exit 1
}
missing() {
  local package
  for package in "${packages[@]}"; do
    [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}
apt() {
  DEBIAN_FRONTEND=noninteractive timeout "$within_s" apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1
}

[[ $(id -u) == 0 ]] || cannot "expected root, which builds in a chroot need; found user $(id -un)"
command -v apt-get >/dev/null || cannot "expected Debian, found no apt-get"
unshare --mount --net --pid --fork true 2>/dev/null || cannot "expected namespaces of our own, found them refused"

mapfile -t lacking < <(missing)
if [[ ${#lacking[@]} -gt 0 && ${1:-} == --install ]]; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  apt update || cannot "apt-get update failed: $(tail -n 1 "$log")"
  apt install --yes "${lacking[@]}" || cannot "apt-get install ${lacking[*]} failed: $(tail -n 1 "$log")"
  mapfile -t lacking < <(missing)
fi
[[ ${#lacking[@]} == 0 ]] || cannot "expected these packages, found none: apt-get install ${lacking[*]}"
echo "with $(buildah --version | cut -d' ' -f1-3), $(podman --version)"
