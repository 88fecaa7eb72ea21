import FabricAgent
import FabricStore
import PoolModel
import PoolTesting
import Replication
import Testing

@Suite(.serialized) struct AgentTests {
  let group = RoutingGroupID(0)

  @Test func `a pool forms, writes are durable and reach every replica`() async throws {
    let pool = try await AgentPool(["a", "b", "c"])
    let leader = try #require(try await pool.leader(of: group))
    let outcome = try await leader.write("one", for: "sip:u@example.com", in: group)
    guard case .applied(let revision) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    // The leader's own table has it at once, the store has it, the others get it.
    #expect(try await leader.text(of: "sip:u@example.com", in: group) == "one")
    let entry = try await leader.store.read("binding/00000/sip:u@example.com")
    #expect(entry?.modRevision == revision)
    for host in pool.hosts {
      #expect(try await eventually { try await host.text(of: "sip:u@example.com", in: group) == "one" })
    }
    for host in pool.hosts where host.name != leader.name {
      #expect(try await host.route(group) == .elsewhere(leader.name, peerAddress: "\(leader.name):5070"))
      #expect(try await host.write("two", for: "sip:u@example.com", in: group) == .notPrimary)
    }
    try await pool.stop()
  }

  @Test func `a stale writer gets the record that stands there`() async throws {
    let pool = try await AgentPool(["a"])
    let leader = pool.hosts[0]
    _ = try await leader.write("one", for: "sip:u@example.com", in: group)
    let outcome = try await leader.write("two", for: "sip:u@example.com", in: group, expecting: 0)
    guard case .conflict(let record?) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(record.bytes == Array("one".utf8))
    guard case .applied = try await leader.write(nil, for: "sip:u@example.com", in: group) else {
      Issue.record("not deleted")
      return
    }
    #expect(try await leader.text(of: "sip:u@example.com", in: group) == nil)
    try await pool.stop()
  }

  @Test func `many writes go in few commits`() async throws {
    let pool = try await AgentPool(["a"])
    let leader = pool.hosts[0]
    leader.store.faults.delayCommits(by: .milliseconds(5))
    let before = leader.store.faults.commitCount
    try await withThrowingTaskGroup(of: WriteOutcome.self) { tasks in
      for number in 0..<1_000 {
        tasks.addTask { [group] in
          try await leader.write("x", for: "sip:u\(number)@example.com", in: group)
        }
      }
      for try await outcome in tasks {
        guard case .applied = outcome else {
          Issue.record("\(outcome)")
          return
        }
      }
    }
    #expect(leader.store.faults.commitCount - before < 100)
    #expect(try await leader.count(of: group) == 1_000)
    try await pool.stop()
  }

  @Test func `another server takes over from one that was killed`() async throws {
    let pool = try await AgentPool(["a", "b", "c"])
    let dead = try #require(try await pool.leader(of: group))
    _ = try await dead.write("one", for: "sip:u@example.com", in: group)
    let died = ContinuousClock.now
    dead.kill()
    let heir = try #require(try await pool.leader(of: group))
    #expect(heir.name != dead.name)
    #expect(ContinuousClock.now - died < .seconds(2))
    #expect(try await heir.text(of: "sip:u@example.com", in: group) == "one")
    guard case .applied = try await heir.write("two", for: "sip:u@example.com", in: group) else {
      Issue.record("the heir cannot write")
      return
    }
    // The dead one stopped by its own clock; when it is back it follows.
    #expect(try await dead.route(group) == .unavailable)
    dead.store.faults.partition(false)
    #expect(try await eventually { try await dead.text(of: "sip:u@example.com", in: group) == "two" })
    #expect(try await pool.isHealthy())
    try await pool.stop()
  }

  @Test func `a write of an old leader that comes late is refused`() async throws {
    let pool = try await AgentPool(["a", "b", "c"])
    let old = try #require(try await pool.leader(of: group))
    old.store.faults.delayCommits(by: .milliseconds(1_600))
    async let late = old.write("late", for: "sip:u@example.com", in: group)
    // Its lease is kept alive by nobody: renewals are not commits, so end it.
    let state = try await old.ask { $0.view.live[$0.configuration.server]?.record.instance }
    try await Task.sleep(for: .milliseconds(50))
    try await old.store.revoke(LeaseID(try #require(state)))
    let heir = try #require(
      try await {
        for _ in 0..<300 {
          for host in pool.hosts where host.name != old.name {
            if case .here = try await host.route(group) { return host }
          }
          try await Task.sleep(for: .milliseconds(5))
        }
        return nil as AgentHost?
      }()
    )
    guard case .applied = try await heir.write("new", for: "sip:u@example.com", in: group) else {
      Issue.record("the heir cannot write")
      return
    }
    #expect(try await late == .notPrimary)
    #expect(try await heir.text(of: "sip:u@example.com", in: group) == "new")
    old.store.faults.delayCommits(by: .zero)
    try await pool.stop()
  }
}
