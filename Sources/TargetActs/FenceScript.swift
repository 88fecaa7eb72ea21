/// The script that each act on a server's machine runs under (issue 4, item 2). It takes an exclusive lock, refuses a
/// generation lower than the highest it has seen, writes a higher one down durably, and holds the lock for as long as
/// the act or any child of it lives: the lock's descriptor is handed down to them, as number 9. Who finds the lock held by
/// an act of its own generation or a lower one kills that act's process groups and waits until they are gone.
///
/// It is POSIX sh with flock(1), so that it runs on machines that have another version of Quorate, or none.
enum FenceScript {
  /// The exit code of a refusal, told apart from a command's own 77 by `fencedMark`.
  static let fencedCode: Int32 = 77
  /// What a refusal begins with.
  static let fencedMark = "quorate: fenced: "
  /// The exit code when an earlier act could not be ended, told apart from a command's own 75 by `busyMark`.
  static let busyCode: Int32 = 75
  /// What it begins with.
  static let busyMark = "quorate: busy: "

  /// Variables: QUORATE_LOCK is the path without ending, QUORATE_GENERATION the generation, empty for what belongs to no
  /// run; QUORATE_RUN and QUORATE_ACT name the act. $1 is the command line; QUORATE_TIMEOUT its time in seconds, empty when
  /// the caller kills it. `.lock` is locked; `.state` holds `generation act`.
  ///
  /// Descriptor 8 waits for the lock and 9 holds it: so those who wait are told from those who act. One that was frozen
  /// just after it got the lock still has it as 8: after three seconds the frozen ones that have it so are killed too. None of
  /// them has acted.
  static let text = """
    L="$QUORATE_LOCK"; N="$QUORATE_GENERATION"
    read_state() { G=0; A=; [ ! -r "$L.state" ] || read -r G A < "$L.state"; : "${G:=0}"; }
    check() { read_state; [ -z "$N" ] || [ "$G" -le "$N" ] || {
      echo "\(fencedMark)generation $N is older than $G (act $A) in $L.state"; exit \(fencedCode); }; }
    group() { read -r X < "/proc/$1/stat" && X="${X##*) }" && set -- $X && echo "$3"; } 2>/dev/null
    frozen() { read -r X < "/proc/$1/stat" && case "${X##*) }" in T*) ;; *) false;; esac; } 2>/dev/null
    evict() {
      O=$(group $$)
      for D in /proc/[0-9]*; do
        P="${D#/proc/}"; [ "$P" != "$$" ] || continue
        [ "$D/fd/9" -ef "$L.lock" ] || { [ -n "$1" ] && [ "$D/fd/8" -ef "$L.lock" ] && frozen "$P"; } || continue
        Q=$(group "$P"); [ -z "$Q" ] || [ "$Q" = "$O" ] || kill -KILL "-$Q"
        kill -KILL "$P"
      done 2>/dev/null
    }
    command -v flock >/dev/null || { echo "quorate: flock is missing here: install util-linux"; exit 74; }
    [ -d "${L%/*}" ] || mkdir -p "${L%/*}" || exit 74
    [ -w "$L.lock" ] || ( : >> "$L.lock" ) || exit 74
    exec 8>> "$L.lock"
    K=0
    until flock -n 8; do
      check
      K=$((K + 1))
      [ "$K" -le 20 ] || { echo "\(busyMark)an earlier act still runs here and holds $L.lock"; exit \(busyCode); }
      [ -z "$N" ] || if [ "$K" -gt 6 ]; then evict frozen; else evict; fi
      ! flock -w 0.5 8 || break
    done
    exec 9>&8 8>&-
    check
    if [ -n "$N" ] && [ "$N" -gt "$G" ]; then
      echo "$N $QUORATE_RUN/$QUORATE_ACT" > "$L.state.new" && sync "$L.state.new" &&
        mv "$L.state.new" "$L.state" && sync "${L%/*}" || exit 74
    fi
    if [ -n "$QUORATE_TIMEOUT" ]; then
      timeout -k 2 "$QUORATE_TIMEOUT" /bin/sh -c "$1" sh
    else
      /bin/sh -c "$1" sh
    fi
    C=$?
    if [ -n "$QUORATE_TIMEOUT" ]; then case "$C" in 124|137) evict;; esac; fi
    flock -u 9
    exit "$C"
    """
}
