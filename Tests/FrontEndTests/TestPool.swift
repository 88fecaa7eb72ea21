import FabricAgent
import FabricRecords
import FabricStore
import Logging
import PoolModel
import PoolTesting
import Registrar
import Replication

@testable import FrontEnd

/// Servers of one pool in this process, over one store in memory.
final class TestPool: Sendable {
  let fabric: MemoryFabric
  /// Each server's own way to the store.
  let stores: [MemoryFabricStore]
  let servers: [FrontEndServer]
  private let tasks: [Task<Void, any Error>]

  private init(
    _ count: Int,
    groups: Int,
    http: Bool,
    fake: FakePool?,
    tune: (inout FrontEndConfiguration) -> Void
  ) {
    // A server whose clock is not pool time takes no primaries.
    fabric = MemoryFabric(clock: .running(epoch: ServerClock.wallMilliseconds()))
    let names = (1...count).map { ServerName("fe\($0)") }
    let listed = names.map { FabricAgent.ListedServer(name: $0, upgradeDomain: UpgradeDomain("ud-\($0)")) }
    let stores = names.map { [fabric] _ in fabric.client() }
    self.stores = stores
    servers = zip(names, stores).map { name, store in
      var configuration = FrontEndConfiguration(
        server: name,
        servers: listed,
        pool: PoolName("test"),
        domain: "example.com",
        groups: groups,
        version: "1.0.0",
        sip: [Endpoint(host: "127.0.0.1", port: 0)],
        peer: Endpoint(host: "127.0.0.1", port: 0),
        http: http ? Endpoint(host: "127.0.0.1", port: 0) : nil
      )
      tune(&configuration)
      var logger = Logger(label: "test")
      logger.logLevel = .error
      guard let fake else {
        return FrontEndServer(configuration: configuration, store: store, logger: logger)
      }
      return FrontEndServer(
        configuration: configuration,
        store: store,
        logger: logger,
        metrics: MetricRegistry()
      ) { agent, _, eventLoop, _ in FakeAgent(fake, agent, eventLoop) }
    }
    tasks = servers.map { server in Task { try await server.run(trapsSignals: false) } }
  }

  /// Starts a pool, waits until every group is led and every replica is up, runs `body`, stops the pool.
  static func with(
    _ count: Int,
    groups: Int = 8,
    http: Bool = false,
    waits: Bool = true,
    fake: FakePool? = nil,
    tune: (inout FrontEndConfiguration) -> Void = { _ in },
    _ body: (TestPool) async throws -> Void
  ) async throws {
    let pool = TestPool(count, groups: groups, http: http, fake: fake, tune: tune)
    do {
      try await pool.eventually("listens") { pool.servers.allSatisfy { $0.addresses != nil } }
      if waits { try await pool.waitUntilServed(groups) }
      try await body(pool)
    } catch {
      await pool.end()
      throw error
    }
    await pool.end()
  }

  /// Waits until all groups are led by servers that are ready.
  func waitUntilServed(_ groups: Int, by count: Int? = nil) async throws {
    try await eventually("every group is led") { [self] in
      var led = 0
      var ready = 0
      for server in servers {
        guard let state = try? await server.snapshot() else { continue }
        led += state.groupsLed.count
        ready += state.isReady ? 1 : 0
      }
      return led == groups && ready >= (count ?? servers.count)
    }
  }

  /// Polls until `condition` holds.
  func eventually(
    within time: Duration = .seconds(15),
    _ what: String,
    _ condition: () async throws -> Bool
  ) async throws {
    let end = ContinuousClock.now + time
    while ContinuousClock.now < end {
      if try await condition() { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw NotInTime(what: what)
  }

  struct NotInTime: Error, CustomStringConvertible {
    let what: String
    var description: String { "not in time: \(what)" }
  }

  /// The SIP address of server number `index`.
  func sip(_ index: Int) throws -> Endpoint {
    guard let endpoint = servers[index].addresses?.sip.first else { throw NotInTime(what: "sip address") }
    return endpoint
  }

  /// Stops one server gracefully.
  func stop(_ index: Int) async throws {
    servers[index].stop()
    try await tasks[index].value
  }

  /// Changes a server's service state in the fabric.
  func mark(_ name: ServerName, _ service: ServiceState) async throws {
    let record = ServerRecord(name: name, upgradeDomain: UpgradeDomain("ud-\(name)"), service: service)
    let update = FabricUpdate(when: [], write: [.server(record), .epoch])
    let result = try await fabric.client().commit(update.transaction())
    guard result.revision != nil else { throw NotInTime(what: "a mark") }
  }

  /// The contacts of a user as they stand in the fabric.
  func bindings(of user: String, groups: Int = 8) async throws -> [String] {
    let addressOfRecord = "sip:\(user)@example.com"
    let group = RoutingGroupID(Self.group(of: user, groups: groups))
    let key = FabricKey.binding(group, addressOfRecord: addressOfRecord).text
    guard let entry = try await fabric.client().read(key) else { return [] }
    return try RegistrationRecord(decoding: entry.value).bindings.map {
      String(decoding: $0.contact, as: UTF8.self)
    }
  }

  /// The group of a user of the test domain.
  static func group(of user: String, groups: Int = 8) -> Int {
    RoutingGroupID(addressOfRecord: "sip:\(user)@example.com".utf8, groups: groups).index
  }

  /// A user whose group is led by another server than number `index`.
  func userLedElsewhere(than index: Int, groups: Int = 8, prefix: String = "user") async throws -> String {
    let led = Set(try await servers[index].snapshot().groupsLed)
    for number in 0..<1_000 where !led.contains(Self.group(of: "\(prefix)\(number)", groups: groups)) {
      return "\(prefix)\(number)"
    }
    throw NotInTime(what: "a user led elsewhere")
  }

  private func end() async {
    for server in servers { server.stop() }
    for task in tasks { _ = try? await task.value }
  }
}
