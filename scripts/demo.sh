#!/usr/bin/env bash
# From a fresh clone to a patched pool: installs what is missing, builds Quorate 1.0.0 and the next release, and runs
# `quorate demo`: three servers, 3,000 registered users, one patch at full load, and an audit of every binding.
#   scripts/demo.sh [--keep] [other options of quorate demo]
# The first build takes up to 11 minutes on two cores, the demo itself less than one.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh

# One build for both programs: they share everything but the version that is compiled in.
build=(swift build -c release)
directory=$("${build[@]}" --show-bin-path)
if [ -t 1 ]; then
  for product in quorate quorate-next; do "${build[@]}" --product "$product"; done
else
  echo "Building (up to 11 minutes the first time) ..."
  log=$(mktemp)
  builder=
  trap 'rm -f "$log"; [ -z "$builder" ] || kill "$builder" 2> /dev/null || true' EXIT
  began=$SECONDS
  for product in quorate quorate-next; do
    "${build[@]}" --product "$product" > "$log" 2>&1 &
    builder=$!
    while kill -0 "$builder" 2> /dev/null; do
      sleep 1
      if (((SECONDS - began) % 30 == 0)); then
        progress=$(tail -n 1 "$log" | tr '\r' '\n' | tail -n 1 | cut -c 1-100)
        echo "  $((SECONDS - began)) s: $progress"
      fi
    done
    if ! wait "$builder"; then
      tail -n 60 "$log" >&2
      echo "demo.sh: building $product failed; the end of its output is above." >&2
      exit 1
    fi
    builder=
  done
  rm -f "$log"
  echo "Built in $((SECONDS - began)) s."
fi

exec "$directory/quorate" demo "$@"
