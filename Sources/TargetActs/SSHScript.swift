/// What is sent to a machine's shell over ssh. It goes in by its standard input, so that neither the user's login shell nor
/// anybody's quoting sees it; the command itself gets `/dev/null`.
enum SSHScript {
  /// What it says before anything else: what was printed before it is the login's, or the reason why there was none.
  static let begun = "quorate: begun"
  /// What it says last when the command's own exit code was 255, which else means that ssh failed.
  static let ended = "quorate: ended"

  /// The whole of it: parsed to its end before its first command runs.
  static func text(_ command: TargetCommand, on host: SSHHost) -> String {
    let time = command.timeout.components
    let seconds = max(1, time.attoseconds > 0 ? time.seconds + 1 : time.seconds)
    var values = command.environment.merging(command.fence?.environment ?? [:], uniquingKeysWith: { $1 })
    values["QUORATE_TIMEOUT"] = "\(seconds)"
    let exports = values.sorted { $0.key < $1.key }.map { "export \($0.key)=\(quoted($0.value))" }
    let body =
      command.fence == nil
      ? "timeout -k 2 \"$QUORATE_TIMEOUT\" /bin/sh -c \"$1\" sh; exit \"$?\"" : FenceScript.text
    return """
      {
      \(exports.joined(separator: "\n"))
      set -- \(quoted(command.line))
      exec 2>&1
      trap '[ "$?" != 255 ] || echo "\(ended)"' EXIT
      echo '\(begun)'
      \(host.directory.map { "cd \(quoted($0)) || exit 74" } ?? ":")
      \(body)
      exit
      } < /dev/null

      """
  }

  /// Opens the shared connection unless somebody else has done so meanwhile. $1 is its socket, the rest ssh's words.
  static let open = """
    C="$1"; shift
    exec 9>>"$C.lock" || exit 255
    flock -w 30 9
    [ ! -S "$C" ] || exit 0
    rm -f "$C.log"
    ssh -M -N -f -S "$C" -o ControlPersist=120 -E "$C.log" "$@" </dev/null >/dev/null 2>&1 9>&- && exit 0
    R=$?; cat "$C.log" 2>/dev/null; exit "$R"
    """

  /// A word that every POSIX shell takes as it is.
  static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
