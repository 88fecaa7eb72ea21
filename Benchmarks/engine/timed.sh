#!/bin/sh
# timed.sh COMMAND...: runs it and notes in $TIMED_LOG how long it took, in nanoseconds.
began=$(date +%s%N)
"$@"
code=$?
echo "$(($(date +%s%N) - began)) $1 $2" >> "$TIMED_LOG"
exit $code
