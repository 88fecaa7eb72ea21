import FabricRecords
import FabricStore
import FrontEndPoolDriver
import PoolDriving
import PoolModel
import PoolTesting
import Replication
import Testing

@Suite("Quorum-loss recovery", .timeLimit(.minutes(1)))
struct RecoveryTests {
  @Test("only groups in quorum loss are rebuilt, and their bindings are counted")
  func recovers() async throws {
    try await withPool(servers: 5, groups: 10) { pool in
      let driver = pool.driver()
      for group in 0..<10 {
        for user in 0..<3 {
          let key = FabricKey.binding(RoutingGroupID(group), addressOfRecord: "sip:u\(user)@example.com")
          _ = try await pool.store.commit(FabricTransaction(then: [.put(key.text, [1])]))
        }
      }
      for server in [fe1, fe2, fe3] { await pool.kill(server) }
      try await pool.wait { state in state.servers.count { $0.isUp } == 2 }
      let before = try await driver.fabricState()
      let lost = before.groupsInQuorumLoss
      #expect(!lost.isEmpty)
      let report = try await driver.recover(act: act(1), deadline: soon()) { _ in }
      #expect(report.groups == lost)
      #expect(report.lostServers == [fe1, fe2, fe3])
      #expect(report.bindingsRecovered == 3 * lost.count)
      #expect(report.replicasLost >= 2 * lost.count && report.replicasPlaced > 0)
      let after = try await driver.fabricState()
      #expect(after.groupsInQuorumLoss.isEmpty && after.groupsWithoutPrimary.isEmpty)
      for group in before.groups where !lost.contains(group.id) {
        let servers = after.group(group.id)?.replicas.map(\.server).sorted()
        #expect(servers == group.replicas.map(\.server).sorted())
      }
      let again = try await driver.recover(act: act(1), deadline: soon()) { _ in }
      #expect(again.groups.isEmpty && again.replicasLost == 0)
    }
  }

  @Test("without a server in service that lives it is refused")
  func hopeless() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      for server in [fe1, fe2, fe3] { await pool.kill(server) }
      try await pool.wait { state in state.servers.allSatisfy { !$0.isUp } }
      let error = await #expect(throws: PoolDriverError.self) {
        try await pool.driver().recover(act: act(1), deadline: soon()) { _ in }
      }
      #expect(error?.code == .refused && error?.message.contains("rg-0") == true)
    }
  }
}
