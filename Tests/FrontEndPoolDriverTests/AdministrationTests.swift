import FabricRecords
import FabricStore
import FrontEndPoolDriver
import PoolDriving
import PoolModel
import PoolTesting
import Replication
import Synchronization
import Testing

@Suite("Pool administration", .timeLimit(.minutes(1)))
struct AdministrationTests {
  @Test("a full reset rebuilds every replica, never takes a group below all others up, and ends even")
  func fullReset() async throws {
    try await withPool(servers: 3, groups: 6) { pool in
      let driver = pool.driver()
      let store = MemoryFabricStore(on: pool.store.fabric)
      let lowest = Mutex(3)
      let watching = Task {
        for try await image in FabricFollower(store: store).images() {
          let up = image.view.groups.values.map { group in
            group.record.replicas.count { image.view.isUp($0) }
          }
          lowest.withLock { $0 = min($0, up.min() ?? 0) }
        }
      }
      let rebuilt = try await PoolAdministration(driver).fullReset(act: act(1), deadline: soon()) { _ in }
      watching.cancel()
      #expect(rebuilt == 18)
      #expect(lowest.withLock { $0 } == 2)
      let state = try await driver.fabricState()
      #expect(state.isHealthy && state.servers.map(\.primaries) == [2, 2, 2])
    }
  }

  @Test("a full reset of a pool that is not whole is refused")
  func fullResetRefused() async throws {
    try await withPool(servers: 3, groups: 6) { pool in
      await pool.kill(fe1)
      try await pool.wait { state in state.server(fe1)?.isUp == false }
      let error = await #expect(throws: PoolDriverError.self) {
        try await PoolAdministration(pool.driver()).fullReset(act: act(1), deadline: soon()) { _ in }
      }
      #expect(error?.code == .refused)
    }
  }

  @Test("a machine that is gone is removed and its replicas are built elsewhere")
  func removal() async throws {
    try await withPool(servers: 4, groups: 8) { pool in
      let driver = pool.driver()
      let administration = PoolAdministration(driver)
      let refusal = await #expect(throws: PoolDriverError.self) {
        _ = try await administration.removeServer(fe1, act: act(1), deadline: soon()) { _ in }
      }
      #expect(refusal?.code == .refused)
      let held = try await driver.fabricState().server(fe1)?.replicas
      await pool.kill(fe1)
      try await pool.wait { state in state.server(fe1)?.isUp == false }
      let report = try await administration.removeServer(fe1, act: act(2), deadline: soon()) { _ in }
      #expect(report.groups.count == held)
      let state = try await driver.fabricState()
      #expect(state.server(fe1) == nil && state.isHealthy && state.servers.count == 3)
      let again = await #expect(throws: PoolDriverError.self) {
        _ = try await administration.removeServer(fe1, act: act(2), deadline: soon()) { _ in }
      }
      #expect(again?.code == .unknownServer)
    }
  }

  @Test("a server is added once, in one upgrade domain")
  func addition() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let administration = PoolAdministration(pool.driver())
      let fe4 = ServerName("fe4")
      try await administration.addServer(fe4, upgradeDomain: UpgradeDomain("a"), act: act(1))
      try await administration.addServer(fe4, upgradeDomain: UpgradeDomain("a"), act: act(1))
      let error = await #expect(throws: PoolDriverError.self) {
        try await administration.addServer(fe4, upgradeDomain: UpgradeDomain("b"), act: act(2))
      }
      #expect(error?.code == .refused)
      let odd = await #expect(throws: PoolDriverError.self) {
        try await administration.addServer(ServerName("a/b"), upgradeDomain: UpgradeDomain("b"), act: act(3))
      }
      #expect(odd?.code == .refused)
      let state = try await pool.driver().fabricState()
      #expect(state.server(fe4)?.service == .inService)
    }
  }

  @Test("a pool is formed once, and not in another pool's store")
  func formation() async throws {
    let pool = StandInPool()
    let administration = PoolAdministration(pool.driver())
    let record = PoolRecord(name: StandInPool.name, domain: "example.com", groups: 4, featureLevel: 1)
    let servers = [ServerRecord(name: fe1, upgradeDomain: UpgradeDomain("a"), service: .inService)]
    let before = await #expect(throws: PoolDriverError.self) { try await pool.driver().fabricState() }
    #expect(before?.code == .unreachable)
    #expect(try await administration.formPool(record, servers: servers))
    #expect(try await !administration.formPool(record, servers: servers))
    let stranger = FrontEndPoolDriver(pool: PoolName("x"), store: pool.store, control: pool) { (_, _) in }
    let error = await #expect(throws: PoolDriverError.self) {
      try await PoolAdministration(stranger).formPool(
        PoolRecord(name: PoolName("x"), domain: "x", groups: 1, featureLevel: 1),
        servers: []
      )
    }
    #expect(error?.code == .refused)
  }
}
