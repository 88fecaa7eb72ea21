public import PoolModel

/// Tells what users feel during a run: registers and queries one synthetic user of each routing group through every
/// server in service, over and over. The adapter is who speaks the pool's protocol.
public protocol UserProbing: Sendable {
  /// Probes until it is cancelled; tells the outcome of each request as it comes. When it returns nothing of it is left
  /// in the pool, unless the pool itself did not answer.
  func probe(_ tell: @escaping @Sendable (ProbeSample) -> Void) async
}

/// The outcome of one request of a synthetic user.
public struct ProbeSample: Hashable, Sendable {
  /// How a request stands.
  public enum Standing: Hashable, Sendable {
    /// It was answered as it should be.
    case good
    /// It was answered wrongly, or not at all in the time that a client waits.
    case failed
    /// It has no answer yet.
    case open
  }

  /// The group of the user.
  public var group: RoutingGroupID
  /// The server it was sent to first; others may have answered.
  public var server: ServerName
  /// How it stands.
  public var standing: Standing
  /// How long the user has been waiting: from the first try since its last good answer until this one or until now.
  public var gap: Duration

  /// A sample.
  public init(group: RoutingGroupID, server: ServerName, standing: Standing, gap: Duration) {
    self.group = group
    self.server = server
    self.standing = standing
    self.gap = gap
  }
}
