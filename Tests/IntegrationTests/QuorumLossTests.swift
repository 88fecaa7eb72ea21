import PoolDemo
import PoolModel
import SIPClient
import Testing

extension IntegrationTests {
  @Suite("Quorum loss", .serialized) struct QuorumLoss {
    @Test("two of three servers away: refused, recovered, brought back and patched")
    func twoOfThree() async throws {
      try await withPool("two-of-three") { pool in
        let endpoints = try SIPpEndpoints(300, of: pool)
        defer { endpoints.kill() }
        try await endpoints.waitForSuccesses(300)
        try await pool.takeAway("fe2")
        try await pool.takeAway("fe3")
        let lost = try await pool.wait("quorum loss of every group") {
          $0.counts.quorumLoss == pool.layout.groups
        }
        #expect(lost.counts.groupsInQuorumLoss == pool.layout.groups && !lost.healthy)
        let shown = try await pool.run("fabric-state", pool.poolFile)
        #expect(shown.exitCode == 1 && shown.output.contains("QuorumLoss"), "\(shown.description)")

        let refused = try await pool.run("patch", pool.poolFile, "--wait-time", "3s")
        #expect(refused.exitCode == 77, "\(refused.description)")
        let said = refused.output + refused.errors
        #expect(said.contains("reset") && said.contains("quorum-loss-recovery"), "\(refused.description)")

        // Clients register through the one that is left, while the recovery runs.
        try await withUsers(100, of: pool) { client in
          async let registered = client.register(at: .server(0))
          let reset = try await pool.run("reset", pool.poolFile, "--type", "quorum-loss-recovery", "--yes")
          #expect(reset.exitCode == 0, "\(reset.description)")
          #expect(await registered == 100)
          let recovered = try await pool.seen()
          #expect(recovered.counts.groupsInQuorumLoss == 0, "\(recovered.counts)")

          try await pool.bringBack("fe2")
          try await pool.bringBack("fe3")
          try await pool.wait("every replica") { $0.healthy }
          let patch = try await pool.run("patch", pool.poolFile, "--json", within: .seconds(120))
          #expect(patch.exitCode == 0, "\(patch.description)")
          #expect(try await pool.versions() == Array(repeating: pool.nextVersion, count: 3))
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 100, "\(audit)")
        }
        let counters = await endpoints.stop()
        #expect(counters.failures == 0 && counters.exitCode == 0, "\(counters)")
        #expect(try await endpoints.missing(in: pool) == [])
      }
    }

    @Test("three of five servers away: some users are cut off, and none is lost")
    func threeOfFive() async throws {
      try await withPool("three-of-five", servers: 5, groups: 30) { pool in
        var timers = ClientTimers()
        timers.giveUp = 3_000_000_000
        try await withUsers(600, of: pool, timers: timers) { client in
          #expect(await client.register() == 600)
          for server in ["fe3", "fe4", "fe5"] { try await pool.takeAway(server) }
          let lost = try await pool.wait("the three to be seen gone") { state in
            ["fe3", "fe4", "fe5"].allSatisfy { state.server($0)?.up == false }
              && state.groups.allSatisfy { $0.state == "Down" || $0.primary != nil }
          }
          let down = Set(lost.groups.filter { $0.state == "Down" }.map(\.id))
          #expect(!down.isEmpty, "no group had all its replicas on the three: \(lost.counts)")
          #expect(lost.counts.quorumLoss > 0 && lost.counts.degraded > 0, "\(lost.counts)")

          try await Self.checkWhoIsCutOff(pool, client, down: down)

          let reset = try await pool.run("reset", pool.poolFile, "--type", "quorum-loss-recovery", "--yes")
          #expect(reset.exitCode == 0, "\(reset.description)")
          let recovered = try await pool.wait("no group in quorum loss") { $0.counts.groupsInQuorumLoss == 0 }
          // Only the groups that had lost their quorum were touched.
          for (old, new) in zip(lost.groups, recovered.groups) where old.state == "Degraded" {
            #expect(new.missing == old.missing, "\(new.id) was only degraded")
          }
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 600, "\(audit)")

          for server in ["fe3", "fe4", "fe5"] { try await pool.bringBack(server) }
          try await pool.wait("every replica") { $0.healthy }
          let after = await client.audit()
          #expect(after.isClean && after.acknowledged == 600, "\(after)")
        }
      }
    }

    /// Users of groups that are down, and only they, get no answer; `--user` says of each in which state its group is.
    private static func checkWhoIsCutOff(_ pool: PoolSandbox, _ client: PoolClient, down: Set<String>)
      async throws
    {
      var expected: [Int] = []
      for user in 0..<600 {
        let address = "sip:\(SIPpEndpoints.name("u", user))@\(pool.layout.domain)"
        let group = RoutingGroupID(addressOfRecord: address.utf8, groups: pool.layout.groups)
        if down.contains("\(group)") { expected.append(user) }
      }
      #expect(!expected.isEmpty)
      let cutOff = await client.list(window: 600).filter { $0.contacts?.isEmpty != false }.map(\.user)
      #expect(cutOff == expected)
      if let user = expected.first {
        let address = "sip:\(SIPpEndpoints.name("u", user))@\(pool.layout.domain)"
        let shown = try await pool.run("fabric-state", pool.poolFile, "--user", address, "--json")
        let state = try #require(SandboxState(json: shown.output), "\(shown.description)")
        #expect(state.groups.count == 1 && state.groups.first?.state == "Down", "\(shown.description)")
      }
    }
  }
}
