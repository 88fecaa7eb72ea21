import KillSweep
import PoolDemo
import SIPClient
import Testing

extension IntegrationTests {
  /// kill -9 in the middle of real patch runs. `Benchmarks/kill-sweep.sh` does it at every record; here are some.
  @Suite("Kills", .serialized) struct Kills {
    private func sweep(_ name: String, _ body: (KillSweep) async throws -> Void) async throws {
      try await withPool(name) { pool in
        try await withUsers(300, of: pool) { client in
          #expect(await client.register() == 300)
          let sweep = try await KillSweep(pool, client)
          try await body(sweep)
          await sweep.close()
        }
      }
    }

    private func check(_ outcome: KillSweep.Outcome?) throws {
      let outcome = try #require(outcome, "the run ended before this record")
      #expect(
        outcome.problems.isEmpty,
        "killed at \(outcome.asked), after \(outcome.last.brief): \(outcome.problems)"
      )
      #expect(outcome.audit.acknowledged == 300)
      #expect(outcome.audit.isClean)
    }

    @Test("a run that was killed after a record goes on, with its whole group or alone")
    func coordinator() async throws {
      try await sweep("kills") { sweep in
        for number in [1, 6, 11, 16, 24] { try check(await sweep.kill(.coordinator, at: number)) }
        for number in [8, 19] { try check(await sweep.kill(.group, at: number)) }
      }
    }

    @Test("a server that dies in the middle of a run loses nothing")
    func server() async throws {
      try await sweep("killserver") { sweep in
        for (server, number) in [("fe3", 7), ("fe1", 15)] {
          try check(await sweep.kill(.server(server), at: number))
        }
      }
    }
  }
}
