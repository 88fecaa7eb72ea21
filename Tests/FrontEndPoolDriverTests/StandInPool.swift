import FabricRecords
import FabricStore
import FrontEndPoolDriver
import PoolDriving
import PoolModel
import PoolTesting
import Replication

/// A pool of stand-in servers over a store in memory, and the control of their processes.
actor StandInPool: ServerControlling {
  static let name = PoolName("test")
  let store = MemoryFabricStore()
  private var processes: [ServerName: Task<Void, Never>] = [:]
  private var leases: [ServerName: LeaseID] = [:]
  private var behaviours: [ServerName: StandInServer.Behaviour] = [:]
  /// The version that started servers run.
  var version = "1.0.0"
  /// Whether a started process dies at once.
  var startsFail = false

  func setVersion(_ version: String) { self.version = version }
  func setStartsFail(_ fail: Bool) { startsFail = fail }
  func setBehaviour(_ server: ServerName, _ change: (inout StandInServer.Behaviour) -> Void) {
    change(&behaviours[server, default: StandInServer.Behaviour()])
  }
  func behaviour(of server: ServerName) -> StandInServer.Behaviour { behaviours[server] ?? .init() }

  /// Makes a pool of `servers` servers named fe1, fe2 and so on, starts them, and waits until it is healthy.
  func form(servers: Int, groups: Int) async throws {
    let names = (1...servers).map { ServerName("fe\($0)") }
    let records = names.map {
      ServerRecord(name: $0, upgradeDomain: UpgradeDomain("ud-\($0)"), service: .inService)
    }
    let pool = PoolRecord(name: Self.name, domain: "example.com", groups: groups, featureLevel: 1)
    for update in PoolFormation.updates(pool, servers: records) {
      _ = try await store.commit(update.transaction())
    }
    let view = try await FabricView.read(from: store)
    let placed = Placement.initial((0..<groups).map { RoutingGroupID($0) }, in: view)
    for record in placed {
      let update = FabricUpdate(
        when: [.groupIs(record.id, revision: 0)],
        write: [.group(record, fencing: true), .epoch]
      )
      _ = try await store.commit(update.transaction())
    }
    for name in names { launch(name) }
    // Until every group is led by whom it was placed for, the epoch still moves.
    try await FabricFollower(store: store).first(by: soon()) { image in
      let isSettled = image.view.groups.values.allSatisfy { $0.record.preferredPrimary == nil }
      return isSettled && image.view.state(at: PoolTime(milliseconds: 0)).isHealthy ? () : nil
    }
  }

  private func launch(_ name: ServerName) {
    guard processes[name] == nil else { return }
    let client = MemoryFabricStore(on: store.fabric)
    let server = StandInServer(name: name, store: client, version: version) { [weak self] in
      await self?.behaviour(of: name) ?? .init()
    }
    processes[name] = Task { [weak self] in
      await server.run { lease in await self?.took(lease, name) }
    }
  }

  private func took(_ lease: LeaseID, _ name: ServerName) { leases[name] = lease }

  /// As kill -9: the lease ends when its time is over.
  func kill(_ server: ServerName) { processes.removeValue(forKey: server)?.cancel() }

  /// The fences of the servers' machines: the highest generation that acted on each.
  private var highest: [ServerName: UInt64] = [:]
  /// Whether stops are held up on their way to the server, as those of a frozen coordinator.
  private var stopsAreHeld = false
  private(set) var heldStops = 0

  func holdStops(_ hold: Bool) { stopsAreHeld = hold }

  func fence(_ server: ServerName, act: ActIdentity, deadline: ContinuousClock.Instant)
    throws(PoolDriverError)
  {
    guard act.generation >= highest[server] ?? 0 else {
      throw PoolDriverError(.fenced, "fenced on the target")
    }
    highest[server] = act.generation
  }

  func start(_ server: ServerName, act: ActIdentity?, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError) -> ServerStart
  {
    if let act { try fence(server, act: act, deadline: deadline) }
    if isRunning(server) { return .ranAlready }
    if !startsFail { launch(server) }
    return .started
  }

  func stop(_ server: ServerName, act: ActIdentity?, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    heldStops += 1
    while stopsAreHeld { try? await Task.sleep(for: .milliseconds(5)) }
    if let act { try fence(server, act: act, deadline: deadline) }
    kill(server)
    if let lease = leases.removeValue(forKey: server) { try? await store.revoke(lease) }
  }

  func isRunning(_ server: ServerName) -> Bool { processes[server] != nil }

  /// Ends everything.
  func shutDown() {
    for process in processes.values { process.cancel() }
    processes = [:]
  }

  /// The pool as it is now.
  func state() async throws -> FabricState {
    try await FabricView.read(from: store).state(at: PoolTime(milliseconds: 0))
  }

  /// Waits until the pool is as wanted, at most 20 seconds.
  nonisolated func wait(_ condition: @Sendable (FabricState) -> Bool) async throws {
    try await FabricFollower(store: MemoryFabricStore(on: store.fabric)).first(by: .now + .seconds(20)) {
      image in
      condition(image.view.state(at: PoolTime(milliseconds: 0))) ? () : nil
    }
  }

  /// A driver of this pool.
  nonisolated func driver(
    undoTime: Duration = .seconds(2),
    prove: @escaping FrontEndPoolDriver.Proof = { (_, _) in }
  ) -> FrontEndPoolDriver {
    FrontEndPoolDriver(pool: Self.name, store: store, control: self, undoTime: undoTime, prove: prove)
  }
}

/// Runs a test with a pool of its own.
func withPool(servers: Int, groups: Int, _ body: (StandInPool) async throws -> Void) async throws {
  let pool = StandInPool()
  do {
    try await pool.form(servers: servers, groups: groups)
    try await body(pool)
  } catch {
    await pool.shutDown()
    throw error
  }
  await pool.shutDown()
}

let fe1 = ServerName("fe1")
let fe2 = ServerName("fe2")
let fe3 = ServerName("fe3")

func act(_ sequence: Int, run: String = "run-1", generation: UInt64 = 10, forced: Bool = false) -> Act {
  Act(
    identity: ActIdentity(run: run, sequence: sequence, generation: generation),
    by: "root@test",
    reason: "patch",
    forced: forced
  )
}

func soon(_ seconds: Double = 20) -> ContinuousClock.Instant { .now + .seconds(seconds) }
