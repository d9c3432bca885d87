#!/usr/bin/env bash
# Prints a tar file that stands in for debian:bookworm-slim. In a mount namespace of its own (unshare --mount), so
# that nothing of it is left; in memory, as dpkg waits for the disk after each file.
set -euo pipefail
root=$(mktemp -d)
trap 'umount "$root" && rmdir "$root"' EXIT
mount -t tmpfs -o mode=755 debian "$root"
debootstrap --variant=minbase bookworm "$root" >&2
# The real one is without these too, keeps no cache of apt's, and doesn't wait for the disk.
rm -rf "$root"/usr/share/{doc,locale,man}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/{*.bin,archives/*.deb}
cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'END'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
END
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"
for folder in doc locale man; do
  echo "path-exclude /usr/share/$folder/*"
done >"$root/etc/dpkg/dpkg.cfg.d/docker"
tar -C "$root" -c .
