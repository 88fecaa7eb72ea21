import FabricAgent
import FabricStore
import Logging
import NIOCore
import PoolModel
import Replication
import Synchronization

@testable import FrontEnd

/// A fabric in a dictionary, whose routes the test sets: what the SIP side does is tested without waiting for leases.
final class FakePool: Sendable {
  struct State {
    var records: [String: StoredRecord] = [:]
    var revision: UInt64 = 1
    /// Who leads; a group that is missing is led by nobody.
    var leaders: [Int: ServerName] = [:]
    var held: Set<Int> = []
    var peers: [ServerName: String] = [:]
    var services: [ServerName: ServiceState] = [:]
    var drained: Set<ServerName> = []
    var staleness = Duration.zero
    /// Servers whose writes hang until they are let go.
    var agents: [ServerName: NIOLoopBound<FakeAgent>] = [:]
  }

  let groups: Int
  private let state: Mutex<State>

  init(groups: Int, leaders: [Int: ServerName]) {
    self.groups = groups
    state = Mutex(State(leaders: leaders))
  }

  func read<T>(_ body: (inout State) -> sending T) -> sending T { state.withLock { body(&$0) } }

  /// Changes routes and tells every server.
  func change(_ body: (inout State) -> Void) async throws {
    let agents = state.withLock { state in
      body(&state)
      return Array(state.agents.values)
    }
    for agent in agents {
      try await agent.eventLoop.submit { agent.value.changed() }.get()
    }
  }
}

/// A server's part in a `FakePool`. Writes take one turn of the loop.
final class FakeAgent: FabricPart {
  var onRouteChange: ((RoutingGroupID) -> Void)?
  var onServiceChange: ((ServiceState) -> Void)?
  var onBatch: ((_ writes: Int, _ latency: Duration) -> Void)?
  var onRenewal: ((_ latency: Duration) -> Void)?
  private let pool: FakePool
  private let name: ServerName
  private let peerAddress: String
  private let eventLoop: any EventLoop
  private var lastService: ServiceState?
  var staleness: Duration { pool.read { $0.staleness } }

  init(_ pool: FakePool, _ configuration: FabricAgent.Configuration, _ eventLoop: any EventLoop) {
    self.pool = pool
    name = configuration.server
    peerAddress = configuration.peerAddress
    self.eventLoop = eventLoop
  }

  var view: FabricView {
    var view = FabricView()
    var services = pool.read { $0.services }
    services[name] = services[name] ?? .inService
    for (name, service) in services {
      view.servers[name] = Versioned(
        ServerRecord(name: name, upgradeDomain: UpgradeDomain("u"), service: service),
        revision: 1
      )
    }
    for group in 0..<pool.groups {
      let id = RoutingGroupID(group)
      view.groups[id] = Versioned(
        GroupRecord(id: id, generation: 1, primary: nil, primaryInstance: 1, replicas: []),
        revision: 1
      )
    }
    return view
  }
  var isReady: Bool { true }
  var counters: AgentCounters { AgentCounters() }
  var groupCount: Int? { pool.groups }
  var poolTime: PoolTime { PoolTime(milliseconds: ServerClock.wallMilliseconds()) }

  func start() {
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    pool.read { state in
      state.peers[name] = peerAddress
      state.agents[name] = bound
    }
    changed()
  }

  func stop() -> EventLoopFuture<Void> {
    pool.read { state in
      state.peers[name] = nil
      state.agents[name] = nil
    }
    return eventLoop.makeSucceededVoidFuture()
  }

  func changed() {
    let service = pool.read { $0.services[name] ?? .inService }
    if service != lastService {
      lastService = service
      onServiceChange?(service)
    }
    for group in 0..<pool.groups { onRouteChange?(RoutingGroupID(group)) }
  }

  func end() {}

  func drainFinished(_ clients: ClientTally) { pool.read { _ = $0.drained.insert(name) } }
  func peerAddress(of server: ServerName) -> String? { pool.read { $0.peers[server] } }
  func holdsReplica(_ group: RoutingGroupID) -> Bool { pool.read { $0.leaders[group.index] == name } }
  func record(of addressOfRecord: String, in group: RoutingGroupID) -> StoredRecord? {
    pool.read { $0.records[addressOfRecord] }
  }

  func route(_ group: RoutingGroupID) -> GroupRoute {
    pool.read { state in
      if state.held.contains(group.index) { return .held }
      guard let leader = state.leaders[group.index] else { return .unavailable }
      if leader == name { return .here(generation: 1) }
      return .elsewhere(leader, peerAddress: state.peers[leader] ?? "")
    }
  }

  func write(
    _ bytes: [UInt8]?,
    for addressOfRecord: String,
    in group: RoutingGroupID,
    expecting revision: UInt64,
    completion: @escaping (WriteOutcome) -> Void
  ) {
    eventLoop.assumeIsolated().execute { [self] in
      let outcome = pool.read { state -> WriteOutcome in
        guard state.leaders[group.index] == name else { return .notPrimary }
        let current = state.records[addressOfRecord]
        guard current?.revision ?? 0 == revision else { return .conflict(current) }
        state.revision += 1
        state.records[addressOfRecord] = bytes.map { StoredRecord(bytes: $0, revision: state.revision) }
        return .applied(state.revision)
      }
      completion(outcome)
    }
  }
}
