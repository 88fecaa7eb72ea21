import Foundation
import PoolDemo
import SIPClient
import Testing

extension TestbedTests {
  /// Members of the store on the pool's own hosts, and a store whose majority is gone.
  @Suite("The store's members", .serialized) struct StoreMembers {
    /// The host of another member than those.
    private func member(but hosts: String...) -> String {
      ["h1", "h2", "h3"].first { !hosts.contains($0) } ?? "h1"
    }

    private func server(_ host: String) -> String { "fe" + host.dropFirst() }

    /// Stops etcd on these hosts in its tracks, or lets it go on: the hosts' servers run on.
    private func freeze(_ bed: Testbed, _ hosts: [String], _ isFrozen: Bool = true) async throws {
      for host in hosts {
        try await bed.must("exec", host, "pkill", isFrozen ? "-STOP" : "-CONT", "-x", "etcd")
      }
    }

    @Test("The lead leaves a host before its server goes; no server goes that the store's majority needs")
    func seedQuorum() async throws {
      try await Testbed.with { bed in
        let led = try await bed.storeLeader()
        let out = try await bed.quorate("failover", server(led), "--pool")
        #expect(out.exitCode == 0, "\(out.description)")
        let moved = try await bed.storeLeader()
        #expect(moved != led, "etcd's lead is still on \(led)")
        let back = try await bed.quorate("failback", server(led), "--pool")
        #expect(back.exitCode == 0, "\(back.description)")
        try await bed.wait("the pool to be whole") { $0.healthy }

        let (absent, next) = (member(but: moved), moved)
        try await freeze(bed, [absent])
        let refused = try await bed.quorate("failover", server(next), "--wait-time", "3s", "--pool")
        #expect([75, 77].contains(refused.exitCode), "\(refused.description)")
        #expect(
          (refused.output + refused.errors).contains("the store would keep 1 healthy"),
          "\(refused.description)"
        )
        let state = try #require(try await bed.seen())
        #expect(state.server(server(next))?.up == true && state.server(server(next))?.service == "in-service")
        // A host without a member is not needed by the store, and neither is the one whose member is gone already.
        let spared = try await bed.quorate("failover", "fe5", "--pool")
        #expect(spared.exitCode == 0, "\(spared.description)")
        let returned = try await bed.quorate("failback", "fe5", "--pool")
        #expect(returned.exitCode == 0, "\(returned.description)")

        // A gate that waits goes on by itself.
        let waits = try bed.begin("failover", server(next), "--wait-time", "60s", "--pool")
        try await Task.sleep(for: .seconds(2))
        try await freeze(bed, [absent], false)
        let went = await waits.end(within: .seconds(60))
        #expect(went.exitCode == 0, "\(went.description)")
      }
    }

    @Test(
      "Without the store's majority lookups go on until max-stale, REGISTER is answered 503, commands exit 69"
    )
    func maxStale() async throws {
      try await Testbed.with(more: ["max-stale: 20s"]) { bed in
        try await withUsers(of: bed) { client in
          let phone = try PlainPhone()
          for host in Testbed.hosts {
            #expect(try phone.register("stale", through: host).hasPrefix("SIP/2.0 200"))
          }
          await client.quiet()
          let gone = ContinuousClock.now
          try await freeze(bed, ["h1", "h2"])
          // The servers' leases run out.
          try await Task.sleep(for: .seconds(4))
          for host in Testbed.hosts {
            let looked = try phone.message("stale", through: host)
            #expect(looked.hasPrefix("MESSAGE "), "fe\(host): \(looked)")
          }
          // Each is held for a moment, in case a primary is found.
          for host in [1, 5] {
            let refused = try phone.register("stale", through: host)
            #expect(
              refused.hasPrefix("SIP/2.0 503") && refused.contains("\r\nRetry-After: "),
              "fe\(host): \(refused)"
            )
          }
          #expect(ContinuousClock.now - gone < .seconds(18), "too slow to say anything about max-stale")
          for words in [["patch", "--yes"], ["reset", "--type", "quorum-loss-recovery", "--yes"]] {
            let refused = try await bed.quorate(words, within: .seconds(60))
            #expect(
              refused.exitCode == 69 && refused.errors.contains("lost its majority"),
              "\(refused.description)"
            )
            #expect(refused.errors.contains("docs/operating/etcd.md"), "\(refused.description)")
          }
          try await Task.sleep(until: gone + .seconds(24))
          for host in Testbed.hosts {
            let refused = try phone.message("stale", through: host)
            #expect(refused.hasPrefix("SIP/2.0 503"), "fe\(host): \(refused)")
          }
          try await freeze(bed, ["h1", "h2"], false)
          try await bed.wait("the pool to be whole", within: .seconds(60)) { $0.healthy }
          // The fabric is whole a moment before each server has seen so; Retry-After says when to ask again.
          var again = try phone.message("stale", through: 4)
          for _ in 0..<10 where again.hasPrefix("SIP/2.0 503") {
            try await Task.sleep(for: .seconds(1))
            again = try phone.message("stale", through: 4)
          }
          #expect(again.hasPrefix("MESSAGE "), "\(again)")
          #expect(try phone.register("stale", through: 5).hasPrefix("SIP/2.0 200"))
          _ = await client.expectNothingLost()
        }
        try await expectStoreAgrees(bed, atLeast: 300)
      }
    }
  }
}
