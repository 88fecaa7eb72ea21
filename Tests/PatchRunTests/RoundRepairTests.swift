import Testing

@testable import PatchRun

/// What annealing leaves is mended by tabu search.
@Suite struct RoundRepairTests {
  /// Groups of three of `servers`, drawn by a seed.
  private func graph(servers: Int, groups: Int, seed: UInt64) -> ConflictGraph {
    var dice = seed
    func below(_ limit: Int) -> Int {
      dice = dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(dice >> 33) % limit
    }
    var sets = Rows(count: groups, total: groups * 3)
    for _ in 0..<groups {
      var members: Set<Int> = []
      while members.count < 3 { members.insert(below(servers)) }
      for member in members.sorted() { sets.append(member) }
      sets.endRow()
    }
    return ConflictGraph(count: servers, sets: sets, groups: sets.inverted(count: servers))
  }

  private func clashes(_ assignment: [Int], _ graph: ConflictGraph) -> Int {
    (0..<graph.count).reduce(0) { sum, server in
      sum + graph.row(server).count { assignment[$0] == assignment[server] }
    } / 2
  }

  @Test(arguments: UInt64(1)...8)
  func `the clashes that are left are mended, and no round is too large`(seed: UInt64) throws {
    let graph = graph(servers: 120, groups: 600, seed: seed)
    let most = 14
    let start = [Int](repeating: -1, count: graph.count)
    var annealing = try #require(RoundAnnealing(graph: graph, rounds: 11, most: most, start: start))
    #expect(annealing.clashes > 0 && annealing.clashes == clashes(annealing.assignment, graph))
    let cost = annealing.repair(steps: 2_000_000)
    #expect(annealing.clashes == 0 && clashes(annealing.assignment, graph) == 0)
    #expect((0..<11).allSatisfy { round in annealing.assignment.count { $0 == round } <= most })
    #expect(cost > 0 && cost <= 2_000_000 + graph.count)
  }

  @Test func `what cannot be done without a clash ends in time, with the best that was met`() throws {
    // Twenty servers that all share groups with each other, in seventeen rounds.
    var sets = Rows(count: 1, total: 20)
    for server in 0..<20 { sets.append(server) }
    sets.endRow()
    let graph = ConflictGraph(count: 20, sets: sets, groups: sets.inverted(count: 20))
    let start = [Int](repeating: 0, count: 20)
    var annealing = try #require(RoundAnnealing(graph: graph, rounds: 17, most: 20, start: start))
    _ = annealing.run(sweeps: 100)
    let cost = annealing.repair(steps: 10_000)
    #expect(annealing.clashes == 3 && clashes(annealing.assignment, graph) == 3)
    #expect(cost >= 10_000 || cost == 0)
  }
}
