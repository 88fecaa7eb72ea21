/// What is done to a keeper and its server, as POSIX sh under the server's fence. The fence kills who holds it, so
/// everything that has an effect is done in the script and not in the coordinator, which may be frozen at any point.
///
/// `run/stopping` holds the id of the keeper that was told to stop, from before it is told: a stop whose script was killed
/// goes on by itself, and whoever acts next must not take the server for one that runs.
enum KeeperScript {
  /// What the start prints when there was nothing to start.
  static let ranAlready = "quorate: runs already"

  /// Variables: QUORATE_RUN_DIR is the server's `run` directory, QUORATE_SOFT and QUORATE_HARD how many seconds a stop may
  /// take before force is used, and then.
  private static let common = """
    K="$QUORATE_RUN_DIR/keeper.pid"; S="$QUORATE_RUN_DIR/server.pid"; M="$QUORATE_RUN_DIR/stopping"
    held() { [ -e "$1" ] && ! flock -sn "$1" true; }
    owner() { P=; read -r P < "$1"; [ "${P:-0}" -gt 1 ]; } 2>/dev/null
    halting() { held "$K" && owner "$K" && read -r T < "$M" && [ "$T" = "$P" ]; } 2>/dev/null
    free() { [ ! -e "$1" ] || flock -s -w "$2" "$1" true; }
    halt() {
      I=0
      while held "$K" && ! owner "$K" && [ "$I" -lt 100 ]; do I=$((I + 1)); sleep 0.05; done
      if held "$K"; then
        owner "$K" && echo "$P" > "$M" && kill -TERM "$P"
      elif held "$S"; then
        owner "$S" && kill -TERM "$P"
      fi
      free "$K" "$QUORATE_SOFT" && free "$S" "$QUORATE_SOFT" && return 0
      ! held "$K" || { owner "$K" && kill -INT "$P"; }
      ! held "$S" || { owner "$S" && kill -KILL "-$P"; }
      free "$K" "$QUORATE_HARD" && free "$S" "$QUORATE_HARD"
    }

    """

  /// Exits 0 when the keeper and the server are gone. A keeper that was killed leaves a server that stops by itself when it
  /// sees that, and is told so too.
  static let stop = common + "halt\n"

  /// Exits 3 when it completed a stop that was under way.
  static let fence = common + "halting || exit 0\nhalt || exit 1\nexit 3\n"

  /// Starts the keeper `QUORATE_PROGRAM`, or wakes one that waits after a crash of its server.
  static let start =
    common + """
      if halting; then halt || exit 1; fi
      if held "$K" && held "$S"; then echo "\(ranAlready)"; exit 0; fi
      if held "$K"; then ! owner "$K" || kill -HUP "$P"; exit 0; fi
      rm -f "$QUORATE_RUN_DIR/trouble"
      setsid -f "$QUORATE_PROGRAM" keep --config "$QUORATE_CONFIG" --server "$QUORATE_SERVER" \
        --stop-bound "$QUORATE_STOP_BOUND" < /dev/null >> "$QUORATE_KEEPER_LOG" 2>&1 9>&-
      """
}
