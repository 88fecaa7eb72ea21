import Glibc
import PoolDemo
import SIPClient
import Testing

extension IntegrationTests {
  /// Two versions side by side that are two real builds: the previous release's, from its own sources
  /// (scripts/previous.sh), and this one's.
  @Suite(
    "The previous release",
    .serialized,
    .enabled(
      if: TestPrograms.previous != nil,
      "set QUORATE_PREVIOUS to the program that scripts/previous.sh builds"
    )
  )
  struct PreviousRelease {
    /// The previous release's program, and the next release's of this build.
    private func programs() throws -> PoolSandbox.Programs {
      PoolSandbox.Programs(quorate: try #require(TestPrograms.previous), next: try TestPrograms.find().next)
    }

    @Test("a pool is patched from it to this one and back, under load, by either one's operator")
    func thereAndBack() async throws {
      let programs = try programs()
      try await withPool("previous", programs: programs) { pool in
        try await withUsers(500, of: pool) { client in
          #expect(await client.register() == 500)
          client.begin(Workload(refreshEvery: .seconds(2), messagesPerSecond: 20))
          // There by the old operator, back by the new one, and there again by the new one.
          for (program, target) in [
            (programs.quorate, pool.nextVersion), (programs.next, pool.version),
            (programs.next, pool.nextVersion),
          ] {
            let patch = try await pool.spawn(
              ["patch", pool.poolFile, "--target", target],
              program: program
            )
            .end(within: .seconds(120))
            #expect(patch.exitCode == 0, "\(patch.description)")
            #expect(try await pool.versions() == Array(repeating: target, count: 3))
          }
          await client.quiet()
          let statistics = await client.statistics()
          #expect(statistics.failed == 0, "\(statistics.notable)")
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 500, "\(audit.examples)")
        }
      }
    }

    @Test("a run that the old program began and was killed in is finished by the new one")
    func handedOver() async throws {
      let programs = try programs()
      try await withPool("handed", programs: programs) { pool in
        let run = try pool.spawn(["patch", pool.poolFile])
        try await pool.wait("a server to be patched") {
          $0.servers.contains { $0.version == pool.nextVersion }
        }
        run.signal(SIGKILL)
        _ = await run.end(within: .seconds(5))
        let rest = try await pool.spawn(["patch", pool.poolFile], program: programs.next).end(
          within: .seconds(120)
        )
        #expect(rest.exitCode == 0, "\(rest.description)")
        #expect(try await pool.versions() == Array(repeating: pool.nextVersion, count: 3))
        #expect(try await pool.seen().healthy)
      }
    }
  }
}
