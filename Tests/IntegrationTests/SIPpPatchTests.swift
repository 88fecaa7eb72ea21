import PoolDemo
import Testing

extension IntegrationTests {
  @Suite("SIPp endpoints through a patch and a crash", .serialized) struct SIPp {
    @Test("1,000 endpoints stay registered through a whole patch")
    func wholePatch() async throws {
      try await withPool("patch") { pool in
        let endpoints = try SIPpEndpoints(1000, of: pool)
        defer { endpoints.kill() }
        try await endpoints.waitForSuccesses(1000)
        let patch = try await pool.run("patch", pool.poolFile, "--json", within: .seconds(120))
        #expect(patch.exitCode == 0, "\(patch.description)")
        #expect(try await pool.versions() == Array(repeating: pool.nextVersion, count: 3))
        let counters = await endpoints.stop()
        #expect(counters.failures == 0 && counters.exitCode == 0, "\(counters)")
        // A server that goes away is silence to SIPp: 500 ms, then the next. The rest is this machine's load; the
        // figures themselves are for Benchmarks/pool.sh.
        #expect(counters.longestGap < 3000, "\(counters)")
        #expect(counters.successes >= 2000, "\(counters)")
        #expect(try await endpoints.missing(in: pool) == [])
      }
    }

    @Test("kill -9 of a server in the middle loses nothing")
    func killedServer() async throws {
      try await withPool("crash") { pool in
        let endpoints = try SIPpEndpoints(1000, of: pool)
        defer { endpoints.kill() }
        try await endpoints.waitForSuccesses(1000)
        let before = try await pool.seen()
        #expect(before.servers.allSatisfy { $0.primaries > 0 })
        try await pool.takeAway("fe2")
        // The lease runs out after 2 s; then the others lead everything.
        let during = try await pool.wait("the others to lead") { state in
          state.server("fe2")?.up == false
            && state.groups.allSatisfy { $0.primary != nil && $0.primary != "fe2" }
        }
        #expect(during.counts.degraded == pool.layout.groups)
        for (old, new) in zip(before.groups, during.groups) where old.primary == "fe2" {
          #expect(new.generation > old.generation, "the old primary of \(new.id) must be fenced")
        }
        try await Task.sleep(for: .seconds(3))
        try await pool.bringBack("fe2")
        try await pool.wait("the pool to be whole") { $0.healthy }
        let counters = await endpoints.stop()
        #expect(counters.failures == 0 && counters.exitCode == 0, "\(counters)")
        #expect(counters.longestGap < 5000, "\(counters)")
        #expect(try await endpoints.missing(in: pool) == [])
      }
    }
  }
}
