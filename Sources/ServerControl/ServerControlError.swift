import Glibc

/// Why a server's process could not be started, stopped or asked about.
public struct ServerControlError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind.
  public enum Code: String, Hashable, Sendable {
    /// A call of the operating system failed.
    case system
    /// Another keeper of the same server runs.
    case alreadyKept
    /// There is no release to run.
    case noRelease
    /// The process did not start, or did not end.
    case failed
  }

  /// The kind.
  public var code: Code
  /// What, where, and what to do, for people.
  public var message: String

  /// An error.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// What failed with `number`, an `errno`.
  static func system(_ what: String, _ number: Int32 = errno) -> Self {
    Self(.system, "\(what): \(String(cString: strerror(number)))")
  }

  /// The message alone.
  public var description: String { message }
}
