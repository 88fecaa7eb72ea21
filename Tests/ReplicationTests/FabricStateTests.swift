import PoolModel
import Testing

@testable import Replication

@Suite struct FabricStateTests {
  struct Case: Sendable, CustomStringConvertible {
    var servers: String
    var down = ""
    var group: String
    var health: GroupHealth
    var primary: String?
    var description: String { "\(group) of \(servers), down: \(down)" }
  }

  @Test(arguments: [
    Case(servers: "abc", group: "a b c", health: .healthy, primary: "a"),
    Case(servers: "abc", down: "c", group: "a b c", health: .degraded, primary: "a"),
    Case(servers: "abc", down: "a", group: "a b c", health: .degraded, primary: nil),
    Case(servers: "abc", group: "- a b c", health: .degraded, primary: nil),
    Case(servers: "abc", group: "a b c-", health: .degraded, primary: "a"),
    Case(servers: "abc", down: "bc", group: "a b c", health: .quorumLoss, primary: "a"),
    Case(servers: "abc", down: "abc", group: "a b c", health: .down, primary: nil),
    Case(servers: "abc", group: "- a- b- c-", health: .down, primary: nil),
    // The store is the witness in a pool of two.
    Case(servers: "ab", down: "b", group: "a b", health: .degraded, primary: "a"),
    Case(servers: "ab", down: "ab", group: "a b", health: .down, primary: nil),
    Case(servers: "a", group: "a", health: .healthy, primary: "a"),
    // After a recovery a group has fewer replicas than it should, until it fills up.
    Case(servers: "abc", down: "bc", group: "a", health: .degraded, primary: "a"),
  ])
  func `health is derived from what lives`(_ test: Case) {
    let fabric = view(servers: test.servers, down: test.down, groups: [group(0, test.group)])
    let state = fabric.state(at: PoolTime(milliseconds: 0))
    #expect(state.groups.first?.health == test.health)
    #expect(state.groups.first?.primary?.rawValue == test.primary)
  }

  @Test func `roles and statuses`() {
    var fabric = view(servers: "abcd", down: "d", groups: [group(0, "a b c- d")])
    func shown() -> [String] {
      fabric.state(at: PoolTime(milliseconds: 0)).groups[0].replicas.map {
        "\($0.server) \($0.role.rawValue) \($0.status.rawValue) \($0.eligible)"
      }
    }
    #expect(
      shown() == [
        "a Primary Up true", "b ActiveSecondary Up true", "c IdleSecondary Building false",
        "d ActiveSecondary Missing false",
      ]
    )
    // A restarted primary leads nothing until it is promoted again.
    fabric.live[ServerName("a")]?.record.instance = 50
    #expect(shown().first == "a IdleSecondary Building false")
    #expect(fabric.state(at: PoolTime(milliseconds: 0)).groupsWithoutPrimary == [RoutingGroupID(0)])
  }

  @Test func `servers needed, and groups that have no record yet`() {
    #expect(
      [1, 2, 3, 4, 5].map { count in
        view(servers: String("abcde".prefix(count))).state(at: PoolTime(milliseconds: 0)).serversNeeded
      } == [1, 1, 2, 3, 3]
    )
    let state = view(servers: "abc", declared: 2).state(at: PoolTime(milliseconds: 0), serversNeeded: 3)
    #expect(state.serversNeeded == 3)
    #expect(state.groups.map(\.health) == [.down, .down])
    #expect(state.missingReplicas == 6)
  }
}
