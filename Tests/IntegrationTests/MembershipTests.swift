import PoolDemo
import SIPClient
import Testing

extension IntegrationTests {
  @Suite("Servers come and go, and the original's command lines", .serialized) struct Membership {
    @Test("a server is removed from a running pool and added again")
    func removeAndAdd() async throws {
      try await withPool("members", servers: 4) { pool in
        try await withUsers(400, of: pool) { client in
          #expect(await client.register() == 400)
          client.begin(Workload(refreshEvery: .seconds(2), messagesPerSecond: 20))
          let removed = try await pool.run("server", "remove", "fe4", "--pool", pool.poolFile, "--yes")
          #expect(removed.exitCode == 0, "\(removed.description)")
          var state = try await pool.wait("three servers with every replica") { state in
            state.server("fe4") == nil && state.healthy
          }
          #expect(state.servers.allSatisfy { $0.replicas == pool.layout.groups }, "\(state.servers)")
          #expect(pool.serverProcess("fe4") == nil)

          let added = try await pool.run("server", "add", "fe4", "--pool", pool.poolFile)
          #expect(added.exitCode == 0, "\(added.description)")
          state = try await pool.wait("four servers with replicas each") { state in
            state.healthy && state.servers.count == 4 && state.servers.allSatisfy { $0.replicas > 0 }
          }
          #expect(state.groups.allSatisfy { $0.secondaries.count == 2 }, "\(state.groups)")
          await client.quiet()
          let statistics = await client.statistics()
          #expect(statistics.failed == 0, "\(statistics.registers.failures) \(statistics.messages.failures)")
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 400, "\(audit)")
        }
      }
    }

    @Test("a server that is lost for good is taken out, and every replica rebuilt")
    func lostForGood() async throws {
      try await withPool("lost", servers: 4) { pool in
        try await withUsers(400, of: pool) { client in
          #expect(await client.register() == 400)
          try await pool.takeAway("fe4")
          try await pool.wait("fe4 to be seen gone") {
            $0.server("fe4")?.up == false && $0.counts.groupsWithoutPrimary == 0
          }
          let reset = try await pool.run(
            "reset",
            pool.poolFile,
            "--type",
            "machine-state-removed",
            "--server",
            "fe4",
            "--yes"
          )
          #expect(reset.exitCode == 0, "\(reset.description)")
          try await pool.wait("three servers with every replica") { $0.server("fe4") == nil && $0.healthy }
          let full = try await pool.run(
            "reset",
            pool.poolFile,
            "--type",
            "full-reset",
            "--yes",
            within: .seconds(90)
          )
          #expect(full.exitCode == 0, "\(full.description)")
          try await pool.wait("every replica") { $0.healthy }
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 400, "\(audit)")
        }
      }
    }

    @Test("the original's own command lines, through links of their names")
    func cmdlets() async throws {
      try await withPool("cmdlets", groups: 6) { pool in
        try await pool.must("links", "install", pool.root)
        func cmdlet(_ name: String, _ words: String...) async throws -> CommandResult {
          try await SpawnedCommand(
            "\(pool.root)/\(name)",
            words,
            logs: pool.logs,
            tag: name,
            environment: ["QUORATE_POOL_FILE": pool.poolFile]
          )
          .end(within: .seconds(60))
        }
        let state = try await cmdlet("Get-CsPoolFabricState", "-PoolFqdn", "cmdlets")
        #expect(state.exitCode == 0 && state.output.contains("rg-5"), "\(state.description)")
        let before = try await pool.seen().epoch
        let whatIf = try await cmdlet(
          "Invoke-CsComputerFailOver",
          "-ComputerName",
          "fe1",
          "-Force",
          "-WhatIf"
        )
        #expect(whatIf.exitCode == 0, "\(whatIf.description)")
        #expect(try await pool.seen().epoch == before)
        let asked = try await cmdlet("Invoke-CsComputerFailOver", "-ComputerName", "fe1")
        #expect(asked.exitCode == 64, "nobody is there to answer: \(asked.description)")
        let over = try await cmdlet("Invoke-CsComputerFailOver", "-ComputerName", "fe1", "-Confirm:$false")
        #expect(over.exitCode == 0, "\(over.description)")
        #expect(try await pool.seen().server("fe1")?.service == "out")
        let back = try await cmdlet("Invoke-CsComputerFailBack", "-ComputerName", "fe1", "-Confirm:$false")
        #expect(back.exitCode == 0, "\(back.description)")
        let reset = try await cmdlet(
          "Reset-CsPoolRegistrarState",
          "-PoolFqdn",
          "cmdlets",
          "-ResetType",
          "ServiceReset",
          "-Confirm:$false"
        )
        #expect(reset.exitCode == 0, "\(reset.description)")
        #expect(try await pool.seen().healthy)
      }
    }
  }
}
