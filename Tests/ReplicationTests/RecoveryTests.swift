import PoolModel
import Testing

@testable import Replication

@Suite struct RecoveryTests {
  @Test func `only groups in quorum loss or down are touched`() {
    let fabric = view(
      servers: "abcde",
      down: "cde",
      groups: [group(0, "a b c"), group(1, "a c d"), group(2, "c d e", generation: 7), group(3, "d e a")]
    )
    let recovery = QuorumLossRecovery(fabric)
    #expect(recovery.groups.map(\.id.index) == [1, 2, 3])
    let after = fabric.applying(recovery.updates)
    #expect(after.groups[RoutingGroupID(0)] == fabric.groups[RoutingGroupID(0)])
    // The surviving primary leads on, at a higher generation.
    #expect(after.groups[RoutingGroupID(1)]?.record.primary == ServerName("a"))
    #expect(after.groups[RoutingGroupID(1)]?.record.generation == 2)
    #expect(after.groups[RoutingGroupID(1)]?.record.members == "ab")
    // Nobody was left: rebuilt from the store on those that live, led when one has loaded.
    #expect(after.groups[RoutingGroupID(2)]?.record.primary == nil)
    #expect(after.groups[RoutingGroupID(2)]?.record.generation == 8)
    #expect(after.groups[RoutingGroupID(2)]?.record.members == "ab")
    // The survivor was a secondary and takes over.
    #expect(after.groups[RoutingGroupID(3)]?.record.primary == ServerName("a"))
    #expect(recovery.groups[1].lost == [ServerName("c"), ServerName("d"), ServerName("e")])
    #expect(after.state(at: PoolTime(milliseconds: 0)).groupsInQuorumLoss == [RoutingGroupID(2)])
  }

  @Test func `it holds only while the lost are still gone and the groups unchanged`() {
    let fabric = view(servers: "abc", down: "bc", groups: [group(0, "a b c")])
    let update = QuorumLossRecovery(fabric).updates.first
    #expect(
      update?.conditions == [
        .notLive(ServerName("b")), .notLive(ServerName("c")), .groupIs(RoutingGroupID(0), revision: 4),
      ]
    )
    #expect(update?.writes.last == .epoch)
  }

  @Test func `what is only loading is left alone, and what has no server left is said`() {
    let loading = view(servers: "abc", groups: [group(0, "- a- b- c-")])
    #expect(QuorumLossRecovery(loading).resuming == [RoutingGroupID(0)])
    #expect(QuorumLossRecovery(loading).updates.isEmpty)
    let hopeless = view(servers: "abc", down: "abc", groups: [group(0, "a b c")])
    #expect(QuorumLossRecovery(hopeless).hopeless == [RoutingGroupID(0)])
    #expect(QuorumLossRecovery(hopeless).updates.isEmpty)
  }

  @Test func `transactions keep the limits of a store`() {
    let fabric = view(servers: "abc", down: "bc", groups: (0..<100).map { group($0, "a b c") })
    let recovery = QuorumLossRecovery(fabric)
    #expect(recovery.groups.count == 100)
    for update in recovery.updates {
      #expect(update.conditions.count <= 60)
      let operations = update.writes.reduce(0) { count, write in
        if case .group(_, fencing: true) = write { count + 2 } else { count + 1 }
      }
      #expect(operations <= 60)
    }
  }

  @Test func `a full reset never takes a group's last good replica`() {
    var fabric = view(servers: "abc", groups: (0..<3).map { group($0, ["a b c", "b c a", "c a b"][$0]) })
    let a = ServerName("a")
    let step = FullReset.step(on: a, in: fabric, done: [])
    #expect(step.rebuilt.map(\.index) == [1, 2])
    #expect(step.remaining.map(\.index) == [0])
    fabric = fabric.applying(step.updates)
    // Led by a: it is asked to move first.
    #expect(fabric.groups[RoutingGroupID(0)]?.record.preferredPrimary == ServerName("b"))
    #expect(fabric.groups[RoutingGroupID(1)]?.record.replicas.first { $0.server == a }?.builtBy == 0)
    // While a's are being rebuilt, b's are not touched.
    #expect(FullReset.step(on: ServerName("b"), in: fabric, done: []).rebuilt.map(\.index) == [0])
    #expect(FullReset.step(on: ServerName("c"), in: fabric, done: []).rebuilt.map(\.index) == [0])
  }

  @Test func `a removed server's replicas go elsewhere`() {
    let fabric = view(
      servers: "abcd",
      down: "a",
      groups: [group(0, "a b c"), group(1, "b a c"), group(2, "b c d")]
    )
    let removal = MachineRemoval(of: ServerName("a"), from: fabric)
    #expect(removal.groups.map(\.index) == [0, 1])
    #expect(removal.led.map(\.index) == [0])
    let after = fabric.applying(removal.updates)
    #expect(after.servers[ServerName("a")] == nil)
    #expect(after.groups.values.map(\.record.members).allSatisfy { $0 == "bcd" })
    #expect(after.groups[RoutingGroupID(0)]?.record.generation == 2)
    #expect(after.groups[RoutingGroupID(0)]?.record.primary == ServerName("c"))
    #expect(after.groups[RoutingGroupID(1)]?.record.generation == 1)
  }
}
