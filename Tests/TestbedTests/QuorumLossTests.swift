import Foundation
import PoolDemo
import SIPClient
import Testing

extension TestbedTests {
  /// Hosts that are gone for good, of the pool and of the store.
  @Suite("Loss of quorum", .serialized) struct QuorumLoss {
    @Test("Groups in quorum loss, the store alive: refused, then recovered, then patched")
    func groups() async throws {
      try await Testbed.with { bed in
        try await withUsers(of: bed) { client in
          for host in ["h4", "h5"] { try await bed.must("crash", host) }
          let lost = try await bed.wait("quorum loss") { state in
            state.server("fe4")?.up == false && state.server("fe5")?.up == false
              && state.counts.groupsInQuorumLoss > 0
          }
          #expect(lost.counts.down == 0)
          let refused = try await bed.quorate("patch", "--yes", "--wait-time", "5s")
          #expect([75, 77].contains(refused.exitCode), "\(refused.description)")
          let reset = try await bed.quorate("reset", "--type", "quorum-loss-recovery", "--yes")
          #expect(reset.exitCode == 0, "\(reset.description)")
          try await bed.wait("no quorum loss") { $0.counts.groupsInQuorumLoss == 0 }
          _ = await client.expectNothingLost("with two hosts gone")
          client.begin(Workload(refreshEvery: .seconds(2), messagesPerSecond: 20))
          for host in ["h4", "h5"] { try await bed.must("on", host) }
          try await bed.wait("the pool to be whole", within: .seconds(60)) { $0.healthy }
          let patch = try await bed.quorate("patch", "--yes")
          #expect(patch.exitCode == 0, "\(patch.description)")
          _ = await client.expectNothingLost("at the end")
        }
        try await expectStoreAgrees(bed)
      }
    }

    @Test("The store's majority gone: no false 200, no run, lookups go on; all by itself when it returns")
    func store() async throws {
      try await Testbed.with { bed in
        try await withUsers(of: bed) { client in
          await client.quiet()
          for host in ["h1", "h2"] { try await bed.must("crash", host) }
          try await Task.sleep(for: .seconds(4))
          // A server that lives answers lookups from its replicas; nobody may acknowledge a registration.
          let before = await client.statistics(reset: true)
          #expect(before.failed == 0)
          for verb in ["fabric-state", "patch"] {
            let refused = try await bed.quorate(verb, "--wait-time", "5s", within: .seconds(60))
            #expect(
              refused.exitCode == 69 || verb == "fabric-state" && refused.exitCode != 0,
              "\(refused.description)"
            )
          }
          for host in ["h1", "h2"] { try await bed.must("on", host) }
          try await bed.wait("the pool to be whole", within: .seconds(60)) { $0.healthy }
          #expect(await client.register() == client.configuration.users)
          _ = await client.expectNothingLost()
        }
        try await expectStoreAgrees(bed)
      }
    }
  }
}
