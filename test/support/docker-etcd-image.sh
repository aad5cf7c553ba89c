#!/usr/bin/env bash
# Makes the docker image that the tests run etcd from, out of the etcd of this machine: for machines that can pull none.
# Usage: docker-etcd-image.sh [IMAGE]     $ETCD_BIN, $ETCDCTL_BIN: other binaries than those on $PATH.
set -euo pipefail

image="${1:-conclave-test-etcd:local}"
etcd="${ETCD_BIN:-$(command -v etcd)}"
etcdctl="${ETCDCTL_BIN:-$(command -v etcdctl)}"
root="$(mktemp -d)"
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/usr/bin" "$root/tmp" "$root/etc" "$root/etcd-data"
cp -L "$etcd" "$root/usr/bin/etcd"
cp -L "$etcdctl" "$root/usr/bin/etcdctl"
# Debian's etcd is linked dynamically: take each library, and the loader, at the path it names.
for binary in "$etcd" "$etcdctl"; do
  { ldd "$binary" || true; } | { grep -o '/[^ ]*' || true; } | sort -u | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -Lf "$library" "$root$library"
  done
done
printf 'root:x:0:0:root:/:/usr/bin/etcd\n' >"$root/etc/passwd"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"

tar -C "$root" -c . | docker import \
  --change 'ENTRYPOINT ["/usr/bin/etcd"]' \
  --change 'EXPOSE 2379' \
  - "$image"
