#!/usr/bin/env bash
# Fuzzes the parsers with libFuzzer and AddressSanitizer: scripts/fuzz.sh [framer|message|uri|digest|all] [SECONDS, 600 each by default].
# Findings stay in .build-fuzz/<name>/; exit 1 when there are any.
set -euo pipefail
cd "$(dirname "$0")/.."
# Without this a crash leaves the backtracer hanging.
export SWIFT_BACKTRACE=enable=no
which=${1:-all}
seconds=${2:-600}
[ "$which" = all ] && which="framer message uri digest"
failed=0
for name in $which; do
  case $name in
    framer) source=FuzzFramer ;;
    message) source=FuzzMessage ;;
    uri) source=FuzzURI ;;
    digest) source=FuzzDigest ;;
    *) echo "fuzz.sh: no target '$name'; there are framer, message, uri and digest" >&2; exit 64 ;;
  esac
  work=.build-fuzz/$name
  mkdir -p "$work/corpus"
  build=(swiftc -swift-version 6 -parse-as-library -sanitize=fuzzer,address -O)
  if [ "$name" = digest ]; then
    # The parser of another module: SIPMessage is one by itself here.
    "${build[@]}" -whole-module-optimization -module-name SIPMessage -emit-module -emit-module-path "$work/SIPMessage.swiftmodule" \
      -emit-object -o "$work/SIPMessage.o" Sources/SIPMessage/*.swift
    "${build[@]}" -module-name "$source" -I "$work" "Fuzzing/$source.swift" Sources/SIPDigest/DigestResponse.swift \
      Sources/SIPDigest/DigestAlgorithm.swift "$work/SIPMessage.o" -o "$work/fuzz"
  else
    "${build[@]}" -module-name "$source" "Fuzzing/$source.swift" Sources/SIPMessage/*.swift -o "$work/fuzz"
  fi
  echo "fuzzing $name for $seconds s"
  if "$work/fuzz" -max_total_time="$seconds" -timeout=5 -max_len=8192 -artifact_prefix="$work/" \
    -print_final_stats=1 "$work/corpus" "Fuzzing/seeds/$name" > "$work/log" 2>&1; then
    grep -E 'stat::number_of_executed_units|stat::new_units_added' "$work/log"
  else
    failed=1
    echo "fuzz.sh: $name found something; see $work/log and the file it names in $work" >&2
    tail -n 15 "$work/log" >&2
  fi
done
exit $failed
