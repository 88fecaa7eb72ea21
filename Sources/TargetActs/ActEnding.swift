/// How a command on a server's machine ended.
public enum ActEnding: Hashable, Sendable {
  /// With this code.
  case exited(Int32)
  /// By this signal, not ours.
  case signaled(Int32)
  /// Its time ran out and everything that it had started was killed.
  case timedOut
  /// It could not be started.
  case notStarted(String)
  /// The task was cancelled and everything that it had started was killed.
  case cancelled
  /// It was not run: a newer coordinator has acted on the server.
  case fenced(String)
  /// The machine was not reached, or the connection was lost: whether it ran is not known.
  case unreachable(String)
  /// It was not run: the machine's host key, its login or its sudo did not let us.
  case denied(String)
  /// It was not run: an act that is not ours to end still runs there.
  case busy(String)

  /// For people: `ended with exit code 3`.
  public var text: String {
    switch self {
    case .exited(let code): "ended with exit code \(code)"
    case .signaled(let signal): "was killed by signal \(signal)"
    case .timedOut: "took too long and was killed"
    case .notStarted(let why): "could not be started: \(why)"
    case .cancelled: "was interrupted"
    case .fenced(let why), .busy(let why), .denied(let why): "was not run: \(why)"
    case .unreachable(let why): "may or may not have run: \(why)"
    }
  }
}
