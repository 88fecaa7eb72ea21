import Foundation
import PoolDemo
import SIPClient
import Testing

extension IntegrationTests {
  @Suite("Crashes and restarts", .serialized) struct Restarts {
    @Test("kill -9 of everything and a cold start keep every binding")
    func coldStart() async throws {
      try await withPool("cold") { pool in
        try await withUsers(1000, of: pool) { client in
          #expect(await client.register() == 1000)
          for server in pool.servers { try await pool.takeAway(server.name) }
          #expect(pool.processes().isEmpty)
          try await pool.start()
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 1000, "\(audit)")
        }
      }
    }

    @Test("a killed patch run is resumed by the same command")
    func resume() async throws {
      try await withPool("resume") { pool in
        try await withUsers(300, of: pool) { client in
          #expect(await client.register() == 300)
          client.begin(Workload(refreshEvery: .seconds(3), messagesPerSecond: 20))
          let first = try pool.spawn(["patch", pool.poolFile, "--json"])
          try await pool.wait("the first server to be out") { state in
            state.servers.contains { $0.service == "out" }
          }
          first.signal(SIGKILL)
          #expect(await first.end(within: .seconds(5)).exitCode == 137)
          let again = try await pool.run("patch", pool.poolFile, "--json", within: .seconds(120))
          #expect(again.exitCode == 0, "\(again.description)")
          #expect(try await pool.versions() == Array(repeating: pool.nextVersion, count: 3))
          #expect(try await pool.seen().healthy)
          await client.quiet()
          let statistics = await client.statistics()
          #expect(statistics.failed == 0, "\(statistics.registers.failures) \(statistics.messages.failures)")
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 300, "\(audit)")
          // A third time there is nothing to do.
          let done = try await pool.run("patch", pool.poolFile)
          #expect(done.exitCode == 0, "\(done.description)")
        }
      }
    }

    @Test("a server that was failed over stays out across a restart, until it is failed back")
    func failOverAndBack() async throws {
      try await withPool("failover") { pool in
        try await withUsers(300, of: pool) { client in
          #expect(await client.register() == 300)
          client.begin(Workload(refreshEvery: .seconds(2), messagesPerSecond: 20))
          try await Self.checkWhatIf(pool)
          let over = try await pool.run("failover", "fe1", "--pool", pool.poolFile)
          #expect(over.exitCode == 0, "\(over.description)")
          var state = try await pool.seen()
          #expect(state.server("fe1")?.service == "out" && state.server("fe1")?.primaries == 0)
          #expect(state.server("fe1")?.up == false && pool.serverProcess("fe1") == nil)
          #expect(state.counts.groupsWithoutPrimary == 0)

          // The next one cannot be spared.
          let refused = try await pool.run("failover", "fe2", "--pool", pool.poolFile, "--wait-time", "2s")
          #expect(refused.exitCode == 77, "\(refused.description)")
          #expect(try await pool.seen().server("fe2")?.service == "in-service")

          try await pool.bringBack("fe1")
          state = try await pool.wait("fe1 to be up") { $0.server("fe1")?.up == true }
          #expect(state.server("fe1")?.service == "out" && state.server("fe1")?.primaries == 0)

          let back = try await pool.run("failback", "fe1", "--pool", pool.poolFile)
          #expect(back.exitCode == 0, "\(back.description)")
          state = try await pool.seen()
          #expect(state.healthy)
          let primaries = state.servers.map(\.primaries)
          #expect((primaries.max() ?? 9) - (primaries.min() ?? 0) <= 1, "\(primaries)")
          await client.quiet()
          #expect(await client.statistics().failed == 0)
          #expect(await client.audit().isClean)
        }
      }
    }

    /// `--what-if` never acts, whatever else is given.
    private static func checkWhatIf(_ pool: PoolSandbox) async throws {
      let before = try await pool.seen()
      let whatIf = [
        ["failover", "fe1", "--pool", pool.poolFile, "--what-if", "--force", "--reason", "a test"],
        ["patch", pool.poolFile, "--what-if"],
        ["reset", pool.poolFile, "--type", "service-reset", "--what-if", "--yes"],
      ]
      for words in whatIf {
        let result = try await pool.spawn(words).end(within: .seconds(30))
        #expect(result.exitCode == 0, "\(result.description)")
      }
      let after = try await pool.seen()
      #expect(after.epoch == before.epoch && after.healthy)
      #expect(after.groups.map(\.generation) == before.groups.map(\.generation))
    }
  }
}
