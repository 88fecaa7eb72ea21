public import FabricStore
public import PoolModel

/// Where the writes of a routing group go, as this server sees it now.
public enum GroupRoute: Hashable, Sendable {
  /// To this server: it leads the group at this generation.
  case here(generation: UInt64)
  /// Nowhere for the moment: a swap is under way. Keep the request and ask again when `onRouteChange` names the group,
  /// or answer 503 when too many wait.
  case held
  /// To that server's peer address (`host:port`).
  case elsewhere(ServerName, peerAddress: String)
  /// Nobody leads it as far as this server knows: 503 with Retry-After.
  case unavailable
}

/// A record of the store as this server holds it.
public struct StoredRecord: Hashable, Sendable {
  /// The value, as the registrar wrote it.
  public var bytes: [UInt8]
  /// The revision of the store it was written at: what the next write expects.
  public var revision: UInt64

  /// A record as held.
  public init(bytes: [UInt8], revision: UInt64) {
    self.bytes = bytes
    self.revision = revision
  }
}

/// How a write ended.
public enum WriteOutcome: Hashable, Sendable {
  /// It is durable, at this revision, and the agent's own table has it already.
  case applied(UInt64)
  /// Nothing was written: the record is another by now (`nil`: it is gone). Decide again from this one.
  case conflict(StoredRecord?)
  /// Nothing was written: this server does not lead the group any more. Ask `route` again.
  case notPrimary
  /// The store failed. Nothing was written if the error's outcome says `.notApplied`; otherwise nobody knows yet.
  /// Either way nothing may be acknowledged.
  case failed(FabricStoreError)
}
