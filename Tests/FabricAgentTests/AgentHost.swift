import FabricAgent
import FabricStore
import Glibc
import Logging
import NIOCore
import NIOPosix
import PoolModel
import PoolTesting
import Replication
import Testing

/// An agent on a loop of its own, for a test that is elsewhere.
final class AgentHost: Sendable {
  let name: ServerName
  let store: MemoryFabricStore
  let loop: any EventLoop
  private let agent: NIOLoopBound<FabricAgent>

  static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
  static let groups = 6

  init(
    _ name: String,
    of names: [String],
    on fabric: MemoryFabric,
    expiry: (@Sendable ([UInt8]) -> Int64?)? = nil,
    adjust: @Sendable (inout FabricAgent.Configuration) -> Void = { _ in }
  ) async throws {
    self.name = ServerName(name)
    let store = fabric.client()
    self.store = store
    let loop = Self.group.next()
    self.loop = loop
    var configuration = FabricAgent.Configuration(
      pool: PoolName("test"),
      domain: "example.com",
      groups: Self.groups,
      servers: names.map { .init(name: ServerName($0), upgradeDomain: UpgradeDomain($0)) },
      server: ServerName(name),
      version: "1.0",
      peerAddress: "\(name):5070",
      sipAddress: "\(name):5060",
      processID: 1
    )
    configuration.leaseTTL = .seconds(1)
    configuration.balanceWait = .milliseconds(400)
    configuration.expiry = expiry
    adjust(&configuration)
    let final = configuration
    agent = try await loop.submit {
      let agent = FabricAgent(
        configuration: final,
        store: store,
        eventLoop: loop,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      )
      agent.start()
      return NIOLoopBound(agent, eventLoop: loop)
    }.get()
  }

  func ask<Answer: Sendable>(_ body: @escaping @Sendable (FabricAgent) -> Answer) async throws -> Answer {
    let agent = agent
    return try await loop.submit { body(agent.value) }.get()
  }

  func write(_ text: String?, for aor: String, in group: RoutingGroupID, expecting: UInt64? = nil)
    async throws
    -> WriteOutcome
  {
    let agent = agent
    let loop = loop
    return try await loop.flatSubmit {
      let promise = loop.makePromise(of: WriteOutcome.self)
      let known = agent.value.record(of: aor, in: group)?.revision ?? 0
      agent.value.write(text.map { Array($0.utf8) }, for: aor, in: group, expecting: expecting ?? known) {
        outcome in
        promise.succeed(outcome)
      }
      return promise.futureResult
    }.get()
  }

  func text(of aor: String, in group: RoutingGroupID) async throws -> String? {
    try await ask { agent in
      agent.record(of: aor, in: group).map { String(decoding: $0.bytes, as: UTF8.self) }
    }
  }

  func stop() async throws {
    let agent = agent
    try await loop.flatSubmit { agent.value.stop() }.get()
  }

  /// As kill -9 looks to the others: it never reaches the store again.
  func kill() { store.faults.partition(true) }

  func route(_ group: RoutingGroupID) async throws -> GroupRoute { try await ask { $0.route(group) } }

  func count(of group: RoutingGroupID) async throws -> Int? { try await ask { $0.recordCount(in: group) } }

  func isOut() async throws -> Bool { try await ask { $0.trouble != nil && $0.counters.leading == 0 } }

  func state() async throws -> FabricState { try await ask { $0.view.state(at: $0.poolTime) } }

  func leads() async throws -> Int { try await ask { $0.counters.leading } }
}

/// Waits until a condition holds; `false` when it does not within 10 s.
func eventually(within limit: Duration = .seconds(10), _ condition: () async throws -> Bool) async throws
  -> Bool
{
  let end = ContinuousClock.now + limit
  while ContinuousClock.now < end {
    if try await condition() { return true }
    try await Task.sleep(for: .milliseconds(10))
  }
  return try await condition()
}

/// A pool of agents on one store.
struct AgentPool {
  /// Its clock is right: servers whose clock is not would lead nothing.
  let fabric = MemoryFabric(clock: .running(epoch: Int64(time(nil)) * 1_000))
  var hosts: [AgentHost] = []
  let names: [String]

  init(
    _ names: [String],
    expiry: (@Sendable ([UInt8]) -> Int64?)? = nil
  ) async throws {
    self.names = names
    for name in names { hosts.append(try await AgentHost(name, of: names, on: fabric, expiry: expiry)) }
    #expect(try await isHealthy())
  }

  /// Every group healthy, primaries even over the servers that are in service.
  func isHealthy() async throws -> Bool {
    try await eventually {
      for host in hosts where !host.store.faults.isPartitioned {
        let state = try await host.state()
        guard state.isHealthy, state.groups.count == AgentHost.groups else { return false }
        let counts = state.servers.map(\.primaries)
        guard (counts.max() ?? 0) - (counts.min() ?? 0) <= 1 else { return false }
        guard try await host.ask({ $0.isReady }) else { return false }
      }
      return true
    }
  }

  /// The host that leads a group; waits for it.
  func leader(of group: RoutingGroupID) async throws -> AgentHost? {
    var found: AgentHost?
    _ = try await eventually {
      for host in hosts where !host.store.faults.isPartitioned {
        if case .here = try await host.route(group) {
          found = host
          return true
        }
      }
      return false
    }
    return found
  }

  func stop() async throws {
    for host in hosts {
      host.store.faults.partition(false)
      try await host.stop()
    }
  }
}
