import FabricRecords
import FabricStore
import FrontEndPoolDriver
import PoolDriving
import PoolModel
import PoolTesting
import Replication
import Testing

@Suite("Driver over real fabric agents", .timeLimit(.minutes(2)), .serialized)
struct AgentPoolTests {
  private func withAgents(
    servers: Int = 3,
    groups: Int = 9,
    _ body: (AgentPool, FrontEndPoolDriver) async throws -> Void
  ) async throws {
    let pool = AgentPool(servers: servers, groups: groups)
    do {
      try await pool.form()
      try await body(pool, pool.driver())
    } catch {
      await pool.shutDown()
      throw error
    }
    await pool.shutDown()
  }

  private func failOver(_ driver: FrontEndPoolDriver, _ server: ServerName, act: Act) async throws {
    let epoch = try await driver.fabricState().epoch
    try await driver.failOver(
      server,
      act: act,
      epoch: epoch,
      drainTime: .seconds(1),
      deadline: soon()
    ) { _ in }
  }

  @Test(
    "every server in turn is taken out, stopped, started and brought back; then the pool is evened out once"
  )
  func roll() async throws {
    try await withAgents { pool, driver in
      var sequence = 0
      func next() -> Act {
        sequence += 1
        return act(sequence)
      }
      for server in [fe1, fe2, fe3] {
        let before = try await driver.fabricState()
        try await failOver(driver, server, act: next())
        let out = try await driver.fabricState()
        #expect(out.server(server)?.primaries == 0 && out.groupsWithoutPrimary.isEmpty)
        try await driver.stop(server, act: next(), deadline: soon())
        try await driver.start(server, act: next(), deadline: soon())
        try await driver.failBack(server, act: next(), even: false, deadline: soon()) { _ in }
        let after = try await driver.fabricState()
        #expect(after.isHealthy)
        #expect((after.server(server)?.instance ?? 0) > (before.server(server)?.instance ?? 0))
      }
      _ = try await driver.even(act: next(), deadline: soon()) { _ in }
      #expect(try await driver.fabricState().servers.map(\.primaries) == [3, 3, 3])
    }
  }

  @Test("a server that is killed while it leaves ends out, and comes back")
  func killedWhileLeaving() async throws {
    try await withAgents { pool, driver in
      await pool.holdUp(fe1)
      async let outcome: Void = failOver(driver, fe1, act: act(1))
      try await pool.wait { $0.server(fe1)?.service.mark != nil }
      try await Task.sleep(for: .milliseconds(200))
      let leaving = try await driver.fabricState()
      #expect(leaving.server(fe1)?.primaries == 3)
      await pool.kill(fe1)
      try await outcome
      try await driver.start(fe1, act: act(3), deadline: soon())
      try await driver.failBack(fe1, act: act(4), even: true, deadline: soon()) { _ in }
      let state = try await driver.fabricState()
      #expect(state.isHealthy && state.servers.map(\.primaries) == [3, 3, 3])
    }
  }

  @Test("quorum loss is recovered on the server that is left, and the pool fills up when the others return")
  func recovery() async throws {
    try await withAgents { pool, driver in
      await pool.kill(fe2)
      await pool.kill(fe3)
      try await pool.wait { $0.servers.count { $0.isUp } == 1 }
      let before = try await driver.fabricState()
      #expect(before.groupsInQuorumLoss.count == 9)
      let report = try await driver.recover(act: act(1), deadline: soon()) { _ in }
      #expect(report.groups.count == 9 && report.lostServers == [fe2, fe3] && report.replicasLost == 18)
      #expect(try await driver.fabricState().groupsInQuorumLoss.isEmpty)
      for server in [fe2, fe3] { try await driver.start(server, act: act(2), deadline: soon()) }
      try await pool.wait { $0.isHealthy }
    }
  }

  @Test("a full reset rebuilds every replica while the pool stays whole but for one")
  func fullReset() async throws {
    try await withAgents { _, driver in
      let rebuilt = try await PoolAdministration(driver).fullReset(act: act(1), deadline: soon()) { _ in }
      #expect(rebuilt == 27)
      let state = try await driver.fabricState()
      #expect(state.isHealthy && state.servers.map(\.primaries) == [3, 3, 3])
    }
  }

  @Test("a server that is stopped for good is removed, and its replicas are built elsewhere")
  func removal() async throws {
    try await withAgents(servers: 4, groups: 8) { pool, driver in
      try await failOver(driver, fe1, act: act(1))
      try await driver.stop(fe1, act: act(2), deadline: soon())
      _ = try await PoolAdministration(driver).removeServer(fe1, act: act(3), deadline: soon()) { _ in }
      let state = try await driver.fabricState()
      #expect(state.isHealthy && state.servers.count == 3)
    }
  }
}
