import PatchRun
import PoolModel
import Testing

/// `--batch auto`: rounds of servers that can be out together, few of them, and what is said of fewer.
@Suite struct RoundsTests {
  /// A pool with the given groups, the first server of each its primary.
  func state(_ servers: Int, _ groups: [[Int]], needed: Int = 1, domains: (Int) -> Int = { $0 })
    -> FabricState
  {
    let names = (0..<servers).map { ServerName("s\($0 + 100)") }
    return FabricState(
      pool: PoolName("p"),
      servers: names.enumerated().map { number, name in
        ServerState(
          name: name,
          upgradeDomain: UpgradeDomain("d\(domains(number))"),
          isUp: true,
          service: .inService,
          version: "1.0",
          primaries: groups.count { $0.first == number },
          replicas: groups.count { $0.contains(number) },
          bindings: nil,
          clockOffset: nil,
          drained: false,
          instance: 1
        )
      },
      groups: groups.enumerated().map { number, members in
        RoutingGroupState(
          id: RoutingGroupID(number),
          generation: 1,
          target: members.count,
          replicas: members.enumerated().map { place, server in
            Replica(
              server: names[server],
              role: place == 0 ? .primary : .activeSecondary,
              status: .up,
              eligible: true
            )
          },
          health: .healthy
        )
      },
      revision: 1,
      epoch: 1,
      takenAt: PoolTime(milliseconds: 0),
      serversNeeded: needed
    )
  }

  /// Groups of three drawn by a seed.
  func drawn(_ groups: Int, of servers: Int, seed: UInt64) -> [[Int]] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15
    func next() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % servers
    }
    return (0..<groups).map { _ in
      var members: [Int] = []
      while members.count < 3 {
        let server = next()
        if !members.contains(server) { members.append(server) }
      }
      return members
    }
  }

  func plan(_ state: FabricState, own: ServerName? = nil, floor: Floor = .quorate, steps: Int? = nil) throws
    -> PatchPlan
  {
    var planner = PatchPlanner(kind: .patch, target: "2.0", ownServer: own, floor: floor, batches: true)
    if let steps { planner.steps = steps }
    return try planner.plan(for: state)
  }

  /// What must hold of every plan, counted here anew.
  func check(_ plan: PatchPlan, _ state: FabricState, allowance: Int = 1) {
    #expect(plan.servers.count == state.servers.count)
    #expect(Set(plan.servers).count == state.servers.count)
    for batch in plan.batches {
      #expect(state.servers.count - batch.count >= state.serversNeeded)
      for group in state.groups {
        #expect(group.replicas.count { batch.contains($0.server) } <= allowance, "\(group.id) in \(batch)")
      }
    }
    #expect((plan.roundsBound ?? .max) <= plan.batches.count)
  }

  /// The fewest rounds, by trying every assignment.
  func fewest(_ servers: Int, _ groups: [[Int]], most: Int) -> Int {
    func fits(_ rounds: [Int]) -> Bool {
      groups.allSatisfy { Set($0.map { rounds[$0] }).count == $0.count }
        && Set(rounds).allSatisfy { round in rounds.count { $0 == round } <= most }
    }
    func search(_ rounds: [Int], _ used: Int, _ limit: Int) -> Bool {
      if rounds.count == servers { return fits(rounds) }
      return (0..<min(used + 1, limit)).contains { search(rounds + [$0], max(used, $0 + 1), limit) }
    }
    return (1...servers).first { search([], 0, $0) } ?? servers
  }

  @Test(arguments: 0..<24)
  func aSmallPoolGetsTheFewestRoundsAndTheProof(_ seed: Int) throws {
    let servers = 5 + seed % 3
    let groups = drawn(2 + seed % 5, of: servers, seed: UInt64(seed))
    let state = state(servers, groups, needed: seed % 2 == 0 ? 1 : servers - 2)
    let plan = try plan(state)
    check(plan, state)
    #expect(plan.batches.count == fewest(servers, groups, most: servers - state.serversNeeded))
    #expect(plan.roundsBound == plan.batches.count)
  }

  @Test func oneReplicaInEachDomainIsOneRoundForEach() throws {
    let groups = drawn(2_000, of: 100, seed: 1).map { members in
      members.enumerated().map { place, server in server * 3 + place }
    }
    let state = state(300, groups, needed: 151, domains: { $0 % 3 })
    let plan = try plan(state)
    check(plan, state)
    #expect(plan.batches.count == 3)
    #expect(plan.roundsBound == 3)
    #expect(plan.lowestRedundancy == 2)
  }

  @Test func annealingDoesWithFewerThanFirstFit() throws {
    let state = state(150, drawn(750, of: 150, seed: 3))
    let quick = try plan(state, steps: 0)
    let slow = try plan(state, steps: 1_500_000)
    check(quick, state)
    check(slow, state)
    #expect(slow.batches.count < quick.batches.count)
    // The same every time.
    #expect(try plan(state, steps: 1_500_000) == slow)
  }

  @Test func thePoolsQuorumLimitsARound() throws {
    let state = state(10, [], needed: 6)
    let plan = try plan(state)
    check(plan, state)
    #expect(plan.batches.count == 3)
    #expect(plan.roundsBound == 3)
    let more = try self.plan(state, floor: .quoratePlusOne)
    #expect(more.batches.count == 4)
  }

  @Test func fiveReplicasCanSpareTwo() throws {
    let state = state(5, [[0, 1, 2, 3, 4]])
    let plan = try plan(state)
    check(plan, state, allowance: 2)
    #expect(plan.batches.count == 3)
    #expect(plan.roundsBound == 3)
  }

  @Test func theOwnServerGoesAloneAndLast() throws {
    let state = state(9, [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    let own = state.servers[4].name
    let plan = try plan(state, own: own)
    check(plan, state)
    #expect(plan.batches.last == [own])
    #expect(plan.batches.count == 4)
    #expect(plan.roundsBound == 4)
  }

  /// How many primaries move when servers go out one after the other, each landing as well as can be.
  func moves(_ order: [Int], _ groups: [[Int]]) -> Int {
    groups.reduce(0) { sum, members in
      let places = members.map { order.firstIndex(of: $0) ?? -1 }
      return sum + (places.dropFirst().allSatisfy { $0 > places[0] } ? 2 : 1)
    }
  }

  @Test(arguments: 0..<8)
  func theOrderIsTheOneInWhichPrimariesMoveLeast(_ seed: Int) throws {
    let groups = drawn(12, of: 6, seed: UInt64(seed) + 77)
    let state = state(6, groups)
    let plan = try PatchPlanner(kind: .patch, target: "2.0").plan(for: state)
    func permutations(_ rest: [Int]) -> [[Int]] {
      rest.isEmpty
        ? [[]] : rest.flatMap { first in permutations(rest.filter { $0 != first }).map { [first] + $0 } }
    }
    let best = permutations(Array(0..<6)).map { moves($0, groups) }.min()
    let order = plan.servers.compactMap { name in state.servers.firstIndex { $0.name == name } }
    #expect(moves(order, groups) == best)
    // Two groups for each server: the last one out gets two back.
    #expect(plan.moves.floor == (best ?? 0) + min(2, plan.moves.evening))
    #expect(plan.moves.total >= plan.moves.floor)
  }

  @Test func aLargePoolIsOrderedToo() throws {
    let groups = drawn(90, of: 30, seed: 5)
    let state = state(30, groups)
    let plan = try PatchPlanner(kind: .patch, target: "2.0").plan(for: state)
    let order = plan.servers.compactMap { name in state.servers.firstIndex { $0.name == name } }
    #expect(moves(order, groups) < moves(Array(0..<30), groups))
    #expect(plan.moves.floor <= plan.moves.total)
  }
}
