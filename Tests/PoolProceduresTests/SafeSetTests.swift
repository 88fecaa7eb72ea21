import PoolModel
import PoolProcedures
import Testing

@Suite("Largest safe set")
struct SafeSetTests {
  /// A state of `servers` servers, with the groups' replicas as given, all up.
  private func state(servers: Int, needed: Int, groups: [[Int]], down: Set<Int> = []) -> FabricState {
    FabricState(
      pool: PoolName("p"),
      servers: (0..<servers).map { number in
        ServerState(
          name: ServerName("s\(number)"),
          upgradeDomain: UpgradeDomain("d"),
          isUp: !down.contains(number),
          service: .inService,
          version: nil,
          primaries: 0,
          replicas: 0,
          bindings: nil,
          clockOffset: nil,
          drained: false,
          instance: 1
        )
      },
      groups: groups.enumerated().map { index, members in
        RoutingGroupState(
          id: RoutingGroupID(index),
          generation: 1,
          target: min(3, servers),
          replicas: members.map {
            let isUp = !down.contains($0)
            return Replica(
              server: ServerName("s\($0)"),
              role: .activeSecondary,
              status: isUp ? .up : .missing,
              eligible: isUp
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

  private func largest(_ candidates: Int, _ state: FabricState) -> [String] {
    SafeSet.largest(of: (0..<candidates).map { ServerName("s\($0)") }, in: state).map(\.rawValue)
  }

  @Test("three servers with everything on each: one")
  func three() {
    let state = state(servers: 3, needed: 2, groups: [[0, 1, 2], [0, 1, 2]])
    #expect(largest(3, state) == ["s0"])
  }

  @Test("servers that share no group go together, as far as the pool can spare them")
  func disjoint() {
    let groups = [[0, 1, 2], [3, 4, 5]]
    #expect(largest(6, state(servers: 6, needed: 4, groups: groups)) == ["s0", "s3"])
    #expect(largest(6, state(servers: 6, needed: 5, groups: groups)) == ["s0"])
  }

  @Test("the largest is found where greed takes the wrong one first")
  func exact() {
    // s0 is in two groups, each of which it would block for the others.
    let groups = [[0, 1, 2], [0, 3, 4], [0, 5, 6], [0, 5, 6], [0, 1, 2]]
    let found = largest(7, state(servers: 7, needed: 1, groups: groups))
    #expect(found == ["s1", "s3", "s5"])
  }

  @Test("nothing goes while a group is at its floor; a server that shares none of it does")
  func floor() {
    let state = state(servers: 6, needed: 2, groups: [[0, 1, 2], [3, 4, 5]], down: [2])
    #expect(largest(6, state) == ["s2", "s3"])
  }

  @Test("one server alone is never spared")
  func alone() { #expect(largest(1, state(servers: 1, needed: 1, groups: [[0]])).isEmpty) }

  @Test("with many candidates it still finds a set, quickly")
  func many() {
    let count = 300
    let groups = (0..<3_000).map { [$0 % count, ($0 * 7 + 1) % count, ($0 * 13 + 2) % count] }
      .map { Array(Set($0)).sorted() }
    let found = largest(count, state(servers: count, needed: 151, groups: groups))
    #expect(!found.isEmpty)
  }
}
