#!/usr/bin/env bash
# Unpacks the etcd of another Debian suite into .cache/, without installing it and without a change to this machine's
# package sources. Prints what makes the tests use it: eval "$(test/support/debian-etcd.sh trixie)" && npm run test:cluster
# Usage: debian-etcd.sh [SUITE]     Default: trixie, which has etcd 3.5.
set -euo pipefail

suite="${1:-trixie}"
keyring="${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}"
mirror="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
cache="$(cd "$(dirname "$0")/../.." && pwd)/.cache/etcd-$suite"
root="$cache/root"

if [[ ! -x "$root/usr/bin/etcd" || ! -x "$root/usr/bin/etcdctl" ]]; then
  mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$cache/apt/sources.list"
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt" -o Acquire::Languages=none
    -o APT::Sandbox::User=root)
  "${apt[@]}" update >&2
  (cd "$cache" && "${apt[@]}" download etcd-server etcd-client >&2)
  for package in "$cache"/*.deb; do dpkg -x "$package" "$root"; done
  rm -rf "$cache/apt" "$cache"/*.deb
fi

"$root/usr/bin/etcd" --version >&2
printf 'export ETCD_BIN=%q ETCDCTL_BIN=%q CONCLAVE_TEST_ETCD_SOURCE=binary\n' "$root/usr/bin/etcd" "$root/usr/bin/etcdctl"
