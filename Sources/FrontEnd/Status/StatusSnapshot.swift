import PoolModel

/// What `/state` and `/health` show of a server, read on its loop at one moment.
public struct StatusSnapshot: Hashable, Sendable, Codable {
  /// The server.
  public var server: String
  /// Its pool.
  public var pool: String
  /// The version it was built as.
  public var version: String
  /// Its process.
  public var processID: Int
  /// `in service`, `leaving`, `out`, or `unknown` before the fabric was read.
  public var service: String
  /// Whether it takes requests: the fabric was read, its lease is live, its replicas are loaded, it is in service.
  public var isReady: Bool
  /// Why it is not, for people.
  public var notReadyBecause: String?
  /// The groups it leads.
  public var groupsLed: [Int]
  /// Replicas it has loaded.
  public var replicas: Int
  /// Records in them.
  public var records: Int
  /// Records in the groups it leads.
  public var recordsLed: Int
  /// Requests taken and not yet answered.
  public var requestsInFlight: Int
  /// Requests that wait for a swap to end.
  public var requestsHeld: Int
  /// Requests passed on and not yet answered.
  public var requestsPassedOn: Int
  /// Open stream connections.
  public var streams: Int
  /// Subscriptions to the event package `reg`.
  public var subscriptions: Int
  /// Of a server that goes out: streams whose clients were registered elsewhere before they were closed.
  public var clientsMoved: Int
  /// Of a server that goes out: streams whose clients were not.
  public var clientsNotMoved: Int
  /// The revision of the fabric it has seen.
  public var revision: UInt64
  /// The fabric's epoch as it has seen it.
  public var epoch: UInt64
  /// Seconds since it started.
  public var uptime: Int
}
