/// The wrapper that each command runs under on its target (issue 4, item 2). It takes an exclusive lock, refuses a
/// generation lower than the highest it has seen, writes the higher one down durably, and holds the lock for as long as
/// the command or any child of it lives: the lock's descriptor is handed down to them. A newer run that finds the lock
/// held kills the process group that holds it and waits until it is gone.
enum Wrapper {
  /// The exit code of a refusal, told apart from a command's own 77 by `fencedMark`.
  static let fencedCode: Int32 = 77
  /// What a refusal prints.
  static let fencedMark = "quorate: fenced"

  /// Variables: QUORATE_LOCK is the path without ending, QUORATE_GENERATION the generation; $1 is the command line.
  /// `.lock` is locked, `.state` holds `generation process-group state`. A holder whose command has ended (`done`) but
  /// left a daemon behind with the lock's descriptor is no act any more: the lock file is replaced.
  static let script = """
    L="$QUORATE_LOCK"
    mkdir -p "${L%/*}" || exit 74
    read_state() { G=0; P=0; S=; [ -r "$L.state" ] && read -r G P S < "$L.state"; : "${G:=0}" "${P:=0}"; }
    refuse() { echo "\(fencedMark): generation $QUORATE_GENERATION is older than $G"; exit \(fencedCode); }
    exec 9>>"$L.lock" || exit 74
    if ! flock -n 9; then
      read_state
      [ "$G" -gt "$QUORATE_GENERATION" ] && refuse
      if [ "$S" = done ]; then
        rm -f "$L.lock"
      elif [ "$P" -gt 1 ]; then
        kill -KILL "-$P" 2>/dev/null
      fi
      exec 9>>"$L.lock" || exit 74
      flock -w 10 9 || { echo "quorate: an earlier act still runs here (process group $P)"; exit 75; }
    fi
    read_state
    [ "$G" -gt "$QUORATE_GENERATION" ] && refuse
    echo "$QUORATE_GENERATION $$ running" > "$L.state.new" && sync "$L.state.new" && mv "$L.state.new" "$L.state" || exit 74
    /bin/sh -c "$1" sh
    C=$?
    echo "$QUORATE_GENERATION $$ done" > "$L.state.new" && mv "$L.state.new" "$L.state"
    exit "$C"
    """
}
