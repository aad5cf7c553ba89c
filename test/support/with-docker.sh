#!/usr/bin/env bash
# Runs a command with a docker engine that is started for it, in a network namespace where its rules and bridges touch
# nothing of this machine, and with the image that the tests need. Needs root, dockerd, docker, unshare and nsenter.
# Usage: with-docker.sh npm run test:cluster -- --members containers --minutes 5
set -euo pipefail

root="$(mktemp -d)"
export DOCKER_HOST="unix://$root/docker.sock" TESTCONTAINERS_RYUK_DISABLED=true

unshare --net sh -c 'ip link set lo up && exec dockerd "$@"' dockerd --data-root "$root/data" \
  --exec-root "$root/exec" --pidfile "$root/pid" --host "$DOCKER_HOST" >"$root/log" 2>&1 &
engine=$!
end() {
  kill "$engine" 2>/dev/null || true
  wait "$engine" || true
  rm -rf "$root"
}
trap end EXIT

until docker info >/dev/null 2>&1; do
  if ! kill -0 "$engine" 2>/dev/null; then
    echo "dockerd does not run here:" >&2
    tail -5 "$root/log" >&2
    exit 1
  fi
  sleep 0.2
done
"$(dirname "$0")/docker-etcd-image.sh" >&2
nsenter --target "$engine" --net "$@"
