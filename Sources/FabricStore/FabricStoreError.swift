/// What went wrong in a store.
public struct FabricStoreError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind; a reader treats one it does not know as `.unavailable`.
  public enum Code: String, Hashable, Sendable {
    /// It cannot be reached, is busy for too long, or is closed. Try again.
    case unavailable
    /// The revision asked for is no longer kept.
    case compacted
    /// The lease ran out, was revoked, or never was.
    case leaseNotFound
    /// No room is left (disk full, quota).
    case noSpace
    /// It may not be written (read-only file, permission).
    case readOnly
    /// Its content is not what it should be.
    case corrupt
    /// It was written by a newer release than this one.
    case newerFormat
    /// A limit of the port was not kept (key twice, too large).
    case invalidRequest
    /// The place is not fit for it (a network file system, another pool's store).
    case unsuitable
    /// Credentials were refused.
    case permissionDenied
  }

  /// What is known of a commit that failed.
  public enum Outcome: String, Hashable, Sendable {
    /// Nothing was applied.
    case notApplied
    /// It may have been applied or not: read back.
    case unknown
  }

  /// The kind.
  public var code: Code
  /// What, where, and what to do, for people.
  public var message: String
  /// What is known of a commit that failed.
  public var outcome: Outcome

  /// An error.
  public init(_ code: Code, _ message: String, outcome: Outcome = .notApplied) {
    self.code = code
    self.message = message
    self.outcome = outcome
  }

  /// `code: message`.
  public var description: String { "\(code.rawValue): \(message)" }
}
