public import PoolDriving
public import PoolModel

/// A driver of a `MemoryPool`. Several may drive one pool, as several coordinators would.
public struct MemoryPoolDriver: PoolDriving {
  /// The pool it drives.
  public let memory: MemoryPool
  /// Called before each verb, with its name and server; may wait, so that a test can stop an act halfway.
  public let gate: @Sendable (String, ServerName?) async -> Void

  /// A driver.
  public init(
    _ memory: MemoryPool,
    gate: @escaping @Sendable (String, ServerName?) async -> Void = { _, _ in }
  ) {
    self.memory = memory
    self.gate = gate
  }

  /// The pool's name.
  public var pool: PoolName { memory.name }

  /// See `PoolDriving`.
  public func fabricState() async throws(PoolDriverError) -> FabricState {
    await gate("fabricState", nil)
    return try memory.fabricState()
  }

  /// See `PoolDriving`.
  public func failOver(
    _ server: ServerName,
    act: Act,
    epoch: UInt64,
    drainTime: Duration,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) {
    await gate("failOver", server)
    try memory.failOver(server, act: act, epoch: epoch)
    progress(DriverProgress("moved", done: 1, of: 1))
  }

  /// See `PoolDriving`.
  public func stop(_ server: ServerName, act: Act, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    await gate("stop", server)
    try memory.stop(server, act: act)
  }

  /// See `PoolDriving`.
  public func start(_ server: ServerName, act: Act, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    await gate("start", server)
    try memory.start(server, act: act)
  }

  /// See `PoolDriving`.
  public func failBack(
    _ server: ServerName,
    act: Act,
    even: Bool,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) {
    await gate("failBack", server)
    try memory.failBack(server, act: act, even: even)
    progress(DriverProgress("caught up", done: 1, of: 1))
  }

  /// See `PoolDriving`.
  public func even(
    act: Act,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) -> Int {
    await gate("even", nil)
    return try memory.even(act: act)
  }

  /// See `PoolDriving`.
  public func recover(
    act: Act,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) -> RecoveryReport {
    await gate("recover", nil)
    return try memory.recover(act: act)
  }

  /// See `PoolDriving`.
  public func version(of server: ServerName) async throws(PoolDriverError) -> String? {
    await gate("version", server)
    return try memory.version(of: server)
  }

  /// Adds candidates one by one while every group keeps its quorum.
  public func largestSafeSet(of candidates: [ServerName], in state: FabricState) -> [ServerName] {
    var chosen: [ServerName] = []
    for candidate in candidates where state.server(candidate) != nil && !chosen.contains(candidate) {
      let out = chosen + [candidate]
      let isSafe = state.groups.allSatisfy { group in
        let keeps = group.replicas.count { $0.eligible && !out.contains($0.server) }
        return keeps >= Quorum.needed(forTarget: group.target)
          || !group.replicas.contains { $0.server == candidate && $0.eligible }
      }
      let serving = state.servers.count { $0.isUp && $0.service.isInService && !out.contains($0.name) }
      if isSafe, serving >= max(1, state.serversNeeded) { chosen.append(candidate) }
    }
    return chosen
  }
}
