import FabricAgent
import FabricRecords
import FabricStore
import FrontEndPoolDriver
import Glibc
import Logging
import NIOCore
import NIOPosix
import PoolDriving
import PoolModel
import PoolTesting
import Replication

/// A pool of real fabric agents: what a Front End server does in the fabric, without SIP. Its store is in memory unless a
/// test gives another.
actor AgentPool: ServerControlling {
  private struct Running {
    var agent: NIOLoopBound<FabricAgent>
    var store: any FabricStore
  }

  static let name = PoolName("test")
  /// Opens the pool's store once more, as another process.
  typealias Opening = @Sendable () async throws -> any FabricStore

  let store: any FabricStore
  private let opening: Opening
  private let names: [ServerName]
  private let groups: Int
  private var running: [ServerName: Running] = [:]
  private let loops = MultiThreadedEventLoopGroup.singleton

  init(servers: Int, groups: Int) {
    // The agents compare their clocks with the store's.
    let fabric = MemoryFabric(clock: .running(epoch: Int64(time(nil)) * 1_000))
    self.init(servers: servers, groups: groups, store: fabric.client()) { fabric.client() }
  }

  init(servers: Int, groups: Int, store: any FabricStore, opening: @escaping Opening) {
    self.store = store
    self.opening = opening
    names = (1...servers).map { ServerName("fe\($0)") }
    self.groups = groups
  }

  /// Starts all servers and waits until the pool is healthy and at rest.
  func form() async throws {
    for name in names { try await launch(name) }
    try await settle()
  }

  /// Waits until the pool is healthy and nothing is on its way.
  nonisolated func settle() async throws {
    try await FabricFollower(store: store).first(by: soon()) { image in
      let isQuiet = image.view.groups.values.allSatisfy { group in
        group.record.swap == nil
          && (group.record.preferredPrimary ?? group.record.primary) == group.record.primary
      }
      let state = image.view.state(at: PoolTime(milliseconds: 0))
      return isQuiet && state.isHealthy && !state.groups.isEmpty ? () : nil
    }
  }

  private func launch(_ name: ServerName) async throws {
    guard running[name] == nil else { return }
    var configuration = FabricAgent.Configuration(
      pool: Self.name,
      domain: "example.com",
      groups: groups,
      servers: names.map { .init(name: $0, upgradeDomain: UpgradeDomain("ud-\($0)")) },
      server: name,
      version: "1.0.0",
      peerAddress: "127.0.0.1:1",
      sipAddress: "sip-of-\(name)",
      processID: 1
    )
    configuration.leaseTTL = .seconds(1)
    configuration.balanceWait = nil
    let (configured, client, loop) = (configuration, try await opening(), loops.next())
    let agent = try await loop.submit {
      let agent = FabricAgent(
        configuration: configured,
        store: client,
        eventLoop: loop,
        logger: Logger(label: "agent") { _ in SwiftLogNoOpLogHandler() }
      )
      // Nothing is in flight and there are no clients: it has drained at once.
      agent.onServiceChange = { [weak agent] service in if !service.isInService { agent?.drainFinished() } }
      agent.start()
      return NIOLoopBound(agent, eventLoop: loop)
    }.get()
    running[name] = Running(agent: agent, store: client)
  }

  /// Lets the server's commits hang, while its lease goes on.
  func holdUp(_ server: ServerName) {
    (running[server]?.store as? MemoryFabricStore)?.faults.delayCommits(by: .seconds(30))
  }

  /// As kill -9 would be seen by the store: nothing more comes from the server, its lease runs out.
  func kill(_ server: ServerName) async {
    guard let process = running.removeValue(forKey: server) else { return }
    if let memory = process.store as? MemoryFabricStore {
      memory.faults.partition()
    } else {
      await process.store.close()
    }
    let agent = process.agent
    _ = try? await agent.eventLoop.flatSubmit { agent.value.stop() }.get()
  }

  func fence(_ server: ServerName, act: ActIdentity, deadline: ContinuousClock.Instant) {}

  func start(_ server: ServerName, act: ActIdentity?, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError) -> ServerStart
  {
    if isRunning(server) { return .ranAlready }
    do {
      try await launch(server)
    } catch {
      throw PoolDriverError(.failed, "\(error)")
    }
    return .started
  }

  func stop(_ server: ServerName, act: ActIdentity?, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    guard let process = running.removeValue(forKey: server) else { return }
    let agent = process.agent
    _ = try? await agent.eventLoop.flatSubmit { agent.value.stop() }.get()
    await process.store.close()
  }

  func isRunning(_ server: ServerName) -> Bool { running[server] != nil }

  /// Ends everything.
  func shutDown() async {
    await withTaskGroup { group in
      for name in running.keys { group.addTask { await self.kill(name) } }
    }
  }

  /// A driver of this pool.
  nonisolated func driver() -> FrontEndPoolDriver {
    FrontEndPoolDriver(pool: Self.name, store: store, control: self, undoTime: .seconds(3)) { (_, _) in }
  }

  /// Waits until the pool is as wanted, at most 20 seconds.
  nonisolated func wait(_ condition: @Sendable (FabricState) -> Bool) async throws {
    try await FabricFollower(store: store).first(by: soon()) { image in
      condition(image.view.state(at: PoolTime(milliseconds: 0))) ? () : nil
    }
  }
}
