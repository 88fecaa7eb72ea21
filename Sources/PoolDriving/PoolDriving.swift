public import PoolModel

/// What a pool must be able to do to be patched. One driver per kind of pool; all pass one conformance suite,
/// `PoolDrivingConformance` in PoolTesting.
///
/// Verbs are idempotent on the act's (run, sequence): ordered again, also by another process, a verb that was done
/// answers at once, and one that was half done is completed. They end within `deadline` or throw `.timedOut`, having
/// left the server as each verb says. They can be cancelled; then the outcome is read back from `fabricState()`.
public protocol PoolDriving: Sendable {
  /// The pool.
  var pool: PoolName { get }

  /// The pool as it is now. Never guesses: what cannot be seen is missing.
  func fabricState() async throws(PoolDriverError) -> FabricState

  /// Moves every service off a server and marks it out; when it returns the server leads nothing, its clients were told
  /// to move, and it may be stopped. Commits the mark with a compare on `epoch`, so that nothing came between the
  /// gate's yes and it; throws `.epochChanged` if something did (gate again). On time-out the mark is taken back and
  /// the server serves again.
  func failOver(
    _ server: ServerName,
    act: Act,
    epoch: UInt64,
    drainTime: Duration,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError)

  /// Stops the server's process. It must be out; throws `.refused` if it is not.
  func stop(_ server: ServerName, act: Act, deadline: ContinuousClock.Instant) async throws(PoolDriverError)

  /// Starts the server's process and waits until it is seen in the fabric. It stays out.
  func start(_ server: ServerName, act: Act, deadline: ContinuousClock.Instant) async throws(PoolDriverError)

  /// Returns a started server to service: waits until its replicas have caught up, takes the out-mark away, and proves
  /// it with a request of the kind users make. On time-out the server stays out.
  /// - Parameter even: whether primaries are brought back and evened out before it returns; a patch run does that once,
  ///   at its end.
  func failBack(
    _ server: ServerName,
    act: Act,
    even: Bool,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError)

  /// Spreads primaries evenly over the servers in service. Returns how many it moved.
  func even(act: Act, deadline: ContinuousClock.Instant, progress: @Sendable (DriverProgress) -> Void)
    async throws(PoolDriverError) -> Int

  /// Declares the replicas on servers that are gone lost, for the groups in quorum loss or down and only those, and
  /// rebuilds those groups on the servers that live.
  func recover(act: Act, deadline: ContinuousClock.Instant, progress: @Sendable (DriverProgress) -> Void)
    async throws(PoolDriverError) -> RecoveryReport

  /// The version a server runs: asked of the running process where there is one.
  func version(of server: ServerName) async throws(PoolDriverError) -> String?

  /// The largest of the sets of `candidates` that can be out together with every group above its floor; at least one
  /// server whenever one alone may go. Pure: reads only `state`.
  func largestSafeSet(of candidates: [ServerName], in state: FabricState) -> [ServerName]
}

/// How far a verb is: a line for people and, where it counts something, how many of how many.
public struct DriverProgress: Hashable, Sendable {
  /// What it waits for or does, without the server's name: `5 primaries left`.
  public var message: String
  /// How many are done.
  public var done: Int?
  /// Of how many.
  public var total: Int?

  /// Progress.
  public init(_ message: String, done: Int? = nil, of total: Int? = nil) {
    self.message = message
    self.done = done
    self.total = total
  }
}

/// What a recovery did.
public struct RecoveryReport: Hashable, Sendable, Codable {
  /// Groups that were in quorum loss or down and were rebuilt.
  public var groups: [RoutingGroupID]
  /// Servers whose replicas of those groups were declared lost.
  public var lostServers: [ServerName]
  /// Replicas declared lost.
  public var replicasLost: Int
  /// Replicas placed anew.
  public var replicasPlaced: Int
  /// Bindings found in the store for those groups.
  public var bindingsRecovered: Int

  /// A report.
  public init(
    groups: [RoutingGroupID],
    lostServers: [ServerName],
    replicasLost: Int,
    replicasPlaced: Int,
    bindingsRecovered: Int
  ) {
    self.groups = groups
    self.lostServers = lostServers
    self.replicasLost = replicasLost
    self.replicasPlaced = replicasPlaced
    self.bindingsRecovered = bindingsRecovered
  }
}
