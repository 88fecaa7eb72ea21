public import PoolModel

/// Why a driver could not do what it was asked to.
public struct PoolDriverError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind.
  public enum Code: String, Hashable, Sendable {
    /// The pool, its store or the server cannot be reached.
    case unreachable
    /// No such server.
    case unknownServer
    /// The time given ran out.
    case timedOut
    /// The fabric changed between the gate and the act: gate again.
    case epochChanged
    /// Not done because it would be unsafe, or because the server is not in the state the verb needs.
    case refused
    /// A newer coordinator acts on this pool.
    case fenced
    /// A command or the server's process failed.
    case failed
    /// The pool cannot do this.
    case unsupported
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

  /// `pool` has no server of that name.
  public static func unknown(_ server: ServerName, in pool: PoolName) -> Self {
    Self(.unknownServer, "pool \(pool) has no server \(server)")
  }

  /// The message alone.
  public var description: String { message }
}
