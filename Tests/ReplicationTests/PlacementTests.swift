import PoolModel
import Testing

@testable import Replication

@Suite struct PlacementTests {
  private func spread(_ counts: ServerTable<Int>, over servers: String) -> Int {
    let values = servers.map { counts[ServerName(String($0))] ?? 0 }
    return (values.max() ?? 0) - (values.min() ?? 0)
  }

  @Test(arguments: [("a", 5), ("ab", 7), ("abc", 8), ("abcd", 10), ("abcde", 7), ("abcdefgh", 100)])
  func `a new pool is placed evenly`(servers: String, groups: Int) {
    let records = Placement.initial((0..<groups).map { RoutingGroupID($0) }, in: view(servers: servers))
    #expect(records.count == groups)
    var replicas: ServerTable<Int> = [:]
    var primaries: ServerTable<Int> = [:]
    for record in records {
      #expect(record.replicas.count == min(3, servers.count))
      #expect(Set(record.replicas.map(\.server)).count == record.replicas.count)
      for replica in record.replicas { replicas[replica.server, default: 0] += 1 }
      if let preferred = record.preferredPrimary { primaries[preferred, default: 0] += 1 }
      #expect(record.replicas.contains { $0.server == record.preferredPrimary })
    }
    #expect(spread(replicas, over: servers) <= 1)
    #expect(spread(primaries, over: servers) <= 1)
  }

  @Test func `replicas go over upgrade domains`() {
    let domains = ["a": "x", "b": "x", "c": "y", "d": "y", "e": "z", "f": "z"]
    let view = view(servers: "abcdef", domains: domains)
    for record in Placement.initial((0..<20).map { RoutingGroupID($0) }, in: view) {
      #expect(Set(record.replicas.map { domains[$0.server.rawValue] ?? "" }).count == 3)
    }
  }

  @Test func `servers that are out get no new group`() {
    let records = Placement.initial([RoutingGroupID(0)], in: view(servers: "abcd", out: "a"))
    #expect(records.first?.members == "bcd")
  }

  @Test func `who leads next leads the fewest, is up, in service, and its clock is right`() {
    var fabric = view(servers: "abcd", groups: [group(0, "a b c d")])
    let record = group(0, "a b c d")
    func next(_ load: [String: Int] = [:]) -> String? {
      var counts = Placement.Load()
      for (name, count) in load { counts.primaries[ServerName(name)] = count }
      return Placement.promotionTarget(for: record, in: fabric, load: counts, except: ServerName("a"))?
        .rawValue
    }
    #expect(next() == "b")
    #expect(next(["b": 1]) == "c")
    fabric.live[ServerName("b")] = nil
    #expect(next() == "c")
    fabric.live[ServerName("c")]?.record.clockOffsetMilliseconds = -2_001
    #expect(next() == "d")
    fabric.live[ServerName("d")]?.record.instance = 99
    #expect(next() == nil)
  }

  @Test(arguments: [
    (["a b c", "a b c", "a b c"], 2),
    (["a b c", "b a c", "c a b"], 0),
    (["a b c", "a b c", "a c b", "a c b", "b a c", "b c a"], 2),
    // Nothing of a's can go to c but by way of b.
    (["a b", "a b", "a b", "b c", "b c"], 2),
  ])
  func `primaries are evened with the fewest moves`(groups: [String], moves: Int) {
    let records = groups.enumerated().map { group($0.offset, $0.element) }
    let fabric = view(servers: "abc", groups: records)
    let plan = Placement.evenPrimaries(fabric)
    #expect(plan.count == moves)
    var counts: ServerTable<Int> = [:]
    for record in records {
      guard let leader = plan[record.id] ?? record.primary else { continue }
      #expect(record.replicas.contains { $0.server == leader })
      counts[leader, default: 0] += 1
    }
    #expect(spread(counts, over: "abc") <= 1)
  }

  @Test func `no plan to even out needs more moves than trying all`() {
    var random = SeededRandom(seed: 7)
    for _ in 0..<60 {
      let servers = Array("abc")
      let records = (0..<5).map { number -> GroupRecord in
        var members = servers
        members.swapAt(0, random.int(0...2))
        if random.chance(50) { members.removeLast() }
        return group(number, members.map(String.init).joined(separator: " "))
      }
      let plan = Placement.evenPrimaries(view(servers: "abc", groups: records))
      #expect(plan.count <= leastMoves(records) ?? Int.max, "\(records.map(\.members))")
    }
  }

  /// By trying every assignment: the fewest moves to within one; `nil` when no assignment is even.
  private func leastMoves(_ records: [GroupRecord]) -> Int? {
    func search(_ rest: ArraySlice<GroupRecord>, _ counts: ServerTable<Int>, _ moves: Int) -> Int? {
      guard let record = rest.first else { return spread(counts, over: "abc") <= 1 ? moves : nil }
      return record.replicas.compactMap { replica -> Int? in
        var counts = counts
        counts[replica.server, default: 0] += 1
        return search(rest.dropFirst(), counts, moves + (replica.server == record.primary ? 0 : 1))
      }.min()
    }
    return search(records[...], [:], 0)
  }

  @Test func `a new server gets its share of replicas`() {
    var fabric = view(servers: "abcd", groups: (0..<8).map { group($0, "a b c") })
    let moves = Placement.evenReplicas(fabric)
    #expect(moves.count == 6)
    for move in moves {
      #expect(move.to == ServerName("d"))
      fabric.groups[move.group]?.record.replicas.removeAll { $0.server == move.from }
      fabric.groups[move.group]?.record.replicas.append(ReplicaRecord(server: move.to))
    }
    #expect(spread(Placement.Load(of: fabric).replicas, over: "abcd") == 0)
    #expect(Placement.evenReplicas(fabric).isEmpty)
  }
}
