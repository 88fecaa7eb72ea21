import Glibc

/// Standard output and errors, written at once and without a buffer of ours.
enum Terminal {
  /// Writes to standard output.
  static func write(_ text: String) { write(text, to: 1) }

  /// Writes to standard error.
  static func writeError(_ text: String) { write(text, to: 2) }

  /// An error as every command shows it: `quorate: what, where, what to do`.
  static func complain(_ message: String) { writeError("quorate: \(message)\n") }

  /// Whether standard output is a terminal that can move its cursor.
  static var isInteractive: Bool {
    guard isatty(1) == 1, let name = getenv("TERM").map({ String(cString: $0) }) else { return false }
    return name != "dumb" && !name.isEmpty
  }

  /// Columns and rows of the terminal, 80 by 24 where it does not say.
  static var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Whether somebody is there to answer.
  static var canAsk: Bool { isatty(0) == 1 }

  /// Asks a question whose answer is yes or no. `nil` when nobody can be asked.
  static func ask(_ question: String) -> Bool? {
    guard canAsk else { return nil }
    while true {
      writeError("\(question) [y/N] ")
      guard let answer = readLine(strippingNewline: true)?.lowercased() else { return nil }
      switch answer {
      case "y", "yes": return true
      case "", "n", "no": return false
      default: continue
      }
    }
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      // Nobody reads any more: what is left has nowhere to go.
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }
}
