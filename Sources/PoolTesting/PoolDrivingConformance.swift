public import PoolDriving
public import PoolModel

/// A pool that conformance cases are run on: healthy at first, at least three servers, and all of it theirs.
public struct PoolDrivingWorld: Sendable {
  /// The driver under test.
  public var driver: any PoolDriving
  /// Kills a server's process, without a word to the driver.
  public var kill: @Sendable (ServerName) async throws -> Void
  /// How long a verb may take on this pool.
  public var patience: Duration

  /// A world.
  public init(
    driver: any PoolDriving,
    patience: Duration = .seconds(30),
    kill: @escaping @Sendable (ServerName) async throws -> Void
  ) {
    self.driver = driver
    self.patience = patience
    self.kill = kill
  }
}

/// What every driver must do. Each case wants a world of its own.
public enum PoolDrivingConformance {
  /// One case.
  public struct Case: Sendable, CustomStringConvertible {
    /// What it shows.
    public let name: String
    /// Runs it; throws what is wrong.
    public let run: @Sendable (PoolDrivingWorld) async throws -> Void

    /// The name.
    public var description: String { name }
  }

  /// All cases.
  public static let cases: [Case] = [
    Case(name: "the fabric state is healthy and complete", run: healthy),
    Case(name: "a fail-over moves everything off and is idempotent", run: failOver),
    Case(name: "a fail-over with an old epoch is not begun", run: oldEpoch),
    Case(name: "a server in service is not stopped", run: stopInService),
    Case(name: "a whole round brings the server back with its replicas", run: round),
    Case(name: "a lower generation is refused", run: fencing),
    Case(name: "a server that is down cannot be failed back in time", run: failBackDown),
    Case(name: "a killed server is seen as down, its groups led by others", run: killed),
    Case(name: "evening out leaves no server two primaries ahead", run: even),
    Case(name: "the largest safe set leaves every group its quorum", run: safeSet),
    Case(name: "an unknown server is named as such", run: unknown),
  ]

  private static func require(_ isTrue: Bool, _ what: String) throws {
    if !isTrue { throw ConformanceFailure(description: what) }
  }

  private static func act(_ sequence: Int, generation: UInt64 = 7, run: String = "conformance") -> Act {
    Act(
      identity: ActIdentity(run: run, sequence: sequence, generation: generation),
      by: "test@conformance",
      reason: "conformance"
    )
  }

  private static func expect(
    _ code: PoolDriverError.Code,
    _ what: String,
    _ body: () async throws -> Void
  ) async throws {
    do { try await body() } catch let error as PoolDriverError {
      try require(error.code == code, "\(what): got \(error.code), wanted \(code)")
      return
    }
    throw ConformanceFailure(description: "\(what): nothing was thrown")
  }

  private static func first(_ world: PoolDrivingWorld) async throws -> (ServerName, FabricState) {
    let state = try await world.driver.fabricState()
    guard let server = state.servers.first else {
      throw ConformanceFailure(description: "the pool has no server")
    }
    return (server.name, state)
  }

  private static func out(_ server: ServerName, _ state: FabricState, _ world: PoolDrivingWorld) async throws
  {
    try await world.driver.failOver(
      server,
      act: act(1),
      epoch: state.epoch,
      drainTime: .zero,
      deadline: .now + world.patience,
      progress: { _ in }
    )
  }

  @Sendable private static func healthy(_ world: PoolDrivingWorld) async throws {
    let state = try await world.driver.fabricState()
    try require(state.pool == world.driver.pool, "the state is of another pool")
    try require(state.servers.count >= 3, "the world has fewer than three servers")
    try require(state.isHealthy, "the world is not healthy")
    for group in state.groups {
      let servers = Set(group.replicas.map(\.server))
      try require(servers.count == group.replicas.count, "\(group.id) has two replicas on one server")
      try require(group.primary != nil, "\(group.id) has no primary")
    }
    for server in state.servers {
      let led = state.groups.count { $0.primary == server.name }
      try require(server.primaries == led, "\(server.name) leads \(led) groups and says \(server.primaries)")
    }
  }

  @Sendable private static func failOver(_ world: PoolDrivingWorld) async throws {
    let (server, state) = try await first(world)
    try await out(server, state, world)
    try await out(server, state, world)
    let after = try await world.driver.fabricState()
    guard case .out(let mark)? = after.server(server)?.service else {
      throw ConformanceFailure(description: "\(server) is not out")
    }
    try require(mark.act?.run == "conformance", "the mark does not name its act")
    try require(after.server(server)?.primaries == 0, "\(server) still leads groups")
    try require(after.groupsWithoutPrimary.isEmpty, "groups were left without a primary")
    try require(after.epoch > state.epoch, "the epoch did not rise")
  }

  @Sendable private static func oldEpoch(_ world: PoolDrivingWorld) async throws {
    let (server, state) = try await first(world)
    try await expect(.epochChanged, "a fail-over with an old epoch") {
      try await world.driver.failOver(
        server,
        act: act(1),
        epoch: state.epoch &- 1,
        drainTime: .zero,
        deadline: .now + world.patience,
        progress: { _ in }
      )
    }
    let after = try await world.driver.fabricState()
    try require(after.server(server)?.service.isInService == true, "\(server) is not in service any more")
  }

  @Sendable private static func stopInService(_ world: PoolDrivingWorld) async throws {
    let (server, _) = try await first(world)
    try await expect(.refused, "a stop of a server in service") {
      try await world.driver.stop(server, act: act(1), deadline: .now + world.patience)
    }
    try require(try await world.driver.fabricState().server(server)?.isUp == true, "\(server) was stopped")
  }

  @Sendable private static func round(_ world: PoolDrivingWorld) async throws {
    let (server, state) = try await first(world)
    let driver = world.driver
    try await out(server, state, world)
    try await driver.stop(server, act: act(2), deadline: .now + world.patience)
    try require(
      try await driver.fabricState().server(server)?.isUp == false,
      "\(server) is up after its stop"
    )
    try await driver.start(server, act: act(3), deadline: .now + world.patience)
    let started = try await driver.fabricState()
    try require(started.server(server)?.isUp == true, "\(server) is down after its start")
    try require(
      started.server(server)?.service.isInService == false,
      "\(server) serves before it was failed back"
    )
    try require(started.server(server)?.primaries == 0, "\(server) leads while it is out")
    try await driver.failBack(
      server,
      act: act(4),
      even: false,
      deadline: .now + world.patience,
      progress: { _ in }
    )
    let back = try await driver.fabricState()
    try require(back.server(server)?.service.isInService == true, "\(server) is not back in service")
    try require(back.missingReplicas == 0, "replicas are missing after the fail-back")
  }

  @Sendable private static func fencing(_ world: PoolDrivingWorld) async throws {
    let (server, state) = try await first(world)
    try await out(server, state, world)
    try await expect(.fenced, "an act of a lower generation") {
      try await world.driver.stop(server, act: act(2, generation: 6), deadline: .now + world.patience)
    }
  }

  @Sendable private static func failBackDown(_ world: PoolDrivingWorld) async throws {
    let (server, state) = try await first(world)
    try await out(server, state, world)
    try await world.driver.stop(server, act: act(2), deadline: .now + world.patience)
    try await expect(.timedOut, "a fail-back of a server that is down") {
      try await world.driver.failBack(
        server,
        act: act(3),
        even: false,
        deadline: .now + .seconds(1),
        progress: { _ in }
      )
    }
    let after = try await world.driver.fabricState()
    try require(
      after.server(server)?.service.isInService == false,
      "\(server) was called back while it is down"
    )
  }

  @Sendable private static func killed(_ world: PoolDrivingWorld) async throws {
    let (server, _) = try await first(world)
    try await world.kill(server)
    let end = ContinuousClock.now + world.patience
    while true {
      let state = try await world.driver.fabricState()
      let isSeen = state.server(server)?.isUp == false && state.groupsWithoutPrimary.isEmpty
      if isSeen, state.missingReplicas > 0 { return }
      try require(.now < end, "the death of \(server) was not seen, or its groups have no primary")
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  @Sendable private static func even(_ world: PoolDrivingWorld) async throws {
    try await round(world)
    _ = try await world.driver.even(act: act(5), deadline: .now + world.patience, progress: { _ in })
    let led = try await world.driver.fabricState().servers.map(\.primaries)
    try require((led.max() ?? 0) - (led.min() ?? 0) <= 1, "primaries are uneven: \(led)")
  }

  @Sendable private static func safeSet(_ world: PoolDrivingWorld) async throws {
    let state = try await world.driver.fabricState()
    let names = state.servers.map(\.name)
    let chosen = world.driver.largestSafeSet(of: names, in: state)
    try require(!chosen.isEmpty, "nobody may go of a healthy pool")
    try require(Set(chosen).isSubset(of: names), "servers were chosen that are no candidates")
    for group in state.groups {
      let keeps = group.replicas.count { $0.eligible && !chosen.contains($0.server) }
      try require(keeps >= Quorum.needed(forTarget: group.target), "\(group.id) would keep \(keeps)")
    }
  }

  @Sendable private static func unknown(_ world: PoolDrivingWorld) async throws {
    try await expect(.unknownServer, "a stop of an unknown server") {
      try await world.driver.stop(
        ServerName("no-such-server"),
        act: act(1),
        deadline: .now + world.patience
      )
    }
  }
}
