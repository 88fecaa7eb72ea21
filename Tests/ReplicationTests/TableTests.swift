import PoolModel
import Testing

@testable import Replication

@Suite struct TableTests {
  private func id(_ number: Int) -> RoutingGroupID { RoutingGroupID(number) }

  @Test func `a table of groups keeps values by number, and forgets them`() {
    var table: GroupTable<String> = [:]
    table[id(70)] = "b"
    table[id(3)] = "a"
    #expect(table.keys == [id(3), id(70)])
    #expect(Array(table.values) == ["a", "b"])
    #expect(table.map(\.key) == [id(3), id(70)])
    #expect(table.count == 2)
    table[id(70)]? += "!"
    let (first, second) = (table.remove(id(70)), table.remove(id(70)))
    #expect(first == "b!" && second == nil)
    table[id(3)] = nil
    #expect(table == [:] && table.isEmpty)
  }

  @Test(arguments: [-1, 100_000, Int.max, Int.min])
  func `a number that is no group's is never kept`(number: Int) {
    var table: GroupTable<Int> = [:]
    table[id(number)] = 1
    #expect(table.isEmpty && table[id(number)] == nil)
    var set = GroupSet()
    set.insert(id(number))
    set.remove(id(number))
    #expect(set.isEmpty && !set.contains(id(number)))
  }

  @Test func `a set of groups goes by number, and equal sets are equal`() {
    var set = GroupSet([id(64), id(0), id(200), id(63)])
    #expect(Array(set) == [id(0), id(63), id(64), id(200)])
    let isNew = set.insert(id(64))
    #expect(!isNew && set.count == 4)
    set.remove(id(200))
    var other = GroupSet([id(0)])
    other.formUnion(GroupSet([id(63), id(64)]))
    #expect(set == other)
    #expect(!set.contains(id(200)) && set.contains(id(63)))
  }

  @Test(arguments: [5, 16, 17, 400])
  func `a table of servers is sorted and finds each, few or many`(count: Int) {
    let names = (0..<count).map { ServerName("fe\($0)") }
    var table: ServerTable<Int> = [:]
    for (number, name) in names.enumerated().reversed() { table[name] = number }
    #expect(table.keys == names.sorted())
    for (number, name) in names.enumerated() { #expect(table[name] == number) }
    #expect(table[ServerName("fe")] == nil && table[ServerName("zz")] == nil)
    table[names[3], default: 0] += 1
    table[ServerName("new"), default: 5] += 1
    #expect(table[names[3]] == 4 && table[ServerName("new")] == 6)
    table[names[3]] = nil
    #expect(table[names[3]] == nil && table.count == count)
  }

  @Test func `an index that was kept up to date equals one made afresh`() {
    func group(_ replicas: String, led primary: String?) -> GroupRecord {
      GroupRecord(
        id: id(7),
        generation: 1,
        primary: primary.map { ServerName($0) },
        primaryInstance: 1,
        replicas: replicas.map { ReplicaRecord(server: ServerName(String($0))) }
      )
    }
    var index = GroupIndex()
    var old: GroupRecord?
    for new in [
      group("abc", led: nil), group("abc", led: "a"), group("abc", led: "b"), group("abd", led: "b"),
      group("bad", led: "d"), group("ba", led: nil),
    ] {
      index.replace(old, by: new)
      var view = FabricView()
      view.groups[new.id] = Versioned(new, revision: 1)
      let fresh = GroupIndex(view)
      for name in "abcd".map({ ServerName(String($0)) }) {
        #expect(index.groups(on: name) == fresh.groups(on: name))
        #expect(index.load.primaries[name] ?? 0 == fresh.load.primaries[name] ?? 0)
        #expect(index.load.replicas[name] ?? 0 == fresh.load.replicas[name] ?? 0)
      }
      old = new
    }
  }
}
