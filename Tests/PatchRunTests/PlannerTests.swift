import PatchRun
import PoolModel
import PoolTesting
import Testing

@Suite struct PlannerTests {
  static let now = PoolTime(milliseconds: 1_800_000_000_000)

  func state(_ servers: Int, groups: Int = 16) throws -> FabricState {
    try MemoryPool(servers: (1...servers).map { ServerName("fe\($0)") }, groups: groups) { Self.now }
      .fabricState()
  }

  @Test func ordersByFewestMovesAndItsOwnHostLast() throws {
    let state = try state(3)
    let plan = try PatchPlanner(kind: .patch, target: "2.0").plan(for: state)
    // 16 groups over three: 6, 5, 5; the first to go costs its groups a second move.
    #expect(plan.servers.first != ServerName("fe1"))
    #expect(plan.moves.expected == 21)
    // And five come back to the last one out.
    #expect(plan.moves.evening == 5)
    #expect(plan.moves.floor == 26)
    #expect(plan.moves.naive > plan.moves.total)
    let own = try PatchPlanner(kind: .patch, target: "2.0", ownServer: plan.servers.first).plan(for: state)
    #expect(own.servers.last == plan.servers.first)
  }

  @Test func skipsWhatIsPatched() throws {
    let plan = try PatchPlanner(kind: .patch, target: "1.0").plan(for: try state(3))
    #expect(plan.batches.isEmpty)
    #expect(plan.entries.allSatisfy { $0.skip == "runs 1.0 already" })
    #expect(plan.lowestRedundancy == nil)
  }

  @Test func aSubsetIsPlannedAlone() throws {
    let plan = try PatchPlanner(kind: .patch, servers: [ServerName("fe2")], target: "2.0").plan(
      for: try state(3)
    )
    #expect(plan.batches == [[ServerName("fe2")]])
    #expect(plan.lowestRedundancy == 2)
  }

  @Test func refusesWhatCannotBePlanned() throws {
    let state = try state(3)
    #expect(throws: PatchPlanner.Fault.unknownServer(ServerName("x"), pool: PoolName("test"))) {
      try PatchPlanner(kind: .patch, servers: [ServerName("x")], target: "2.0").plan(for: state)
    }
    #expect(throws: PatchPlanner.Fault.noTarget) { try PatchPlanner(kind: .patch).plan(for: state) }
  }

  @Test func batchesKeepEveryGroupItsQuorum() throws {
    for servers in [3, 5, 9, 12] {
      let state = try state(servers, groups: servers * 2)
      let plan = try PatchPlanner(kind: .patch, target: "2.0", batches: true).plan(for: state)
      #expect(Set(plan.servers) == Set(state.servers.map(\.name)))
      for batch in plan.batches {
        for group in state.groups {
          let keeps = group.replicas.count { !batch.contains($0.server) }
          #expect(keeps >= 2, "\(group.id) keeps \(keeps) while \(batch) are out")
        }
        #expect(servers - batch.count >= state.serversNeeded)
      }
    }
  }

  @Test func aFingerprintChangesWithThePlacementOnly() throws {
    var state = try state(3)
    let before = PatchPlanner.fingerprint(of: state)
    state.servers[0].version = "9"
    state.groups[0].generation = 9
    state.groups[0].replicas.reverse()
    #expect(PatchPlanner.fingerprint(of: state) == before)
    state.groups[0].replicas.removeLast()
    #expect(PatchPlanner.fingerprint(of: state) != before)
  }

  @Test func wordsForPeople() {
    #expect(Duration.milliseconds(350).text == "350 ms")
    #expect(Duration.milliseconds(4_240).text == "4.2 s")
    #expect(Duration.seconds(200).text == "3 min 20 s")
    #expect(Duration.seconds(7_500).text == "2 h 5 min")
    #expect(PoolTime(milliseconds: 1_795_435_501_000).text == "2026-11-23 12:05:01Z")
    #expect(PoolTime(milliseconds: 1_709_164_800_000).compact == "20240229-000000")
    #expect(PoolTime(milliseconds: -1).text == "1969-12-31 23:59:59Z")
  }
}
