import Glibc

extension Terminal {
  /// Reads one line from standard input; from a terminal it asks and does not show what is typed.
  static func askSecret(_ question: String) -> String? {
    guard canAsk else { return readLine(strippingNewline: true) }
    writeError(question)
    var settings = termios()
    guard tcgetattr(0, &settings) == 0 else { return readLine(strippingNewline: true) }
    var hidden = settings
    hidden.c_lflag &= ~tcflag_t(ECHO)
    tcsetattr(0, TCSAFLUSH, &hidden)
    defer {
      tcsetattr(0, TCSAFLUSH, &settings)
      writeError("\n")
    }
    return readLine(strippingNewline: true)
  }
}
