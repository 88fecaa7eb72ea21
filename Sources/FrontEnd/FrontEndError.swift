/// Why a Front End server could not start or had to stop.
public struct FrontEndError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind.
  public enum Code: String, Hashable, Sendable {
    /// An address of its own is taken by another process.
    case addressInUse
    /// An address of its own cannot be listened on for another reason.
    case cannotListen
    /// The fabric cannot be used.
    case fabric
    /// The configuration is not one a server can run with.
    case configuration
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

  /// The message.
  public var description: String { message }
}
