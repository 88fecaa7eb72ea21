#!/usr/bin/env bash
# Boots one host of the test bed, again and again, until it is switched off. Started by scripts/testbed.sh.
#   life.sh STATE HOST NETWORK-NAMESPACE
set -u
state=$1 host=$2 network=$3
here=$(cd "$(dirname "$0")" && pwd)

echo $$ > "$state/$host/life.pid"
while [ ! -e "$state/$host/off" ]; do
  rm -f "$state/$host/signs/booted"
  cat /proc/sys/kernel/random/uuid > "$state/$host/boot_id"
  echo "--- $host boots, $(date +%T.%3N), boot id $(cat "$state/$host/boot_id")"
  # unshare is the parent of the host's init and ends with it.
  ip netns exec "$network" unshare --mount --pid --uts --fork --kill-child --propagation private \
    bash "$here/boot.sh" "$state" "$host" &
  unshare=$!
  for _ in $(seq 200); do
    init=$(pgrep -P "$unshare" | head -n 1) && [ -n "$init" ] && break
    sleep 0.01
  done
  echo "${init:-}" > "$state/$host/init.pid.new"
  mv "$state/$host/init.pid.new" "$state/$host/init.pid"
  wait "$unshare"
  echo "--- $host is down, $(date +%T.%3N)"
done
