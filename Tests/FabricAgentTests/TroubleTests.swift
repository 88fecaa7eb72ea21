import FabricAgent
import FabricStore
import PoolModel
import PoolTesting
import Replication
import Testing

@Suite(.serialized) struct TroubleTests {
  let group = RoutingGroupID(0)

  @Test func `an unknown outcome that was applied is answered as applied`() async throws {
    let pool = try await AgentPool(["a"])
    let leader = pool.hosts[0]
    leader.store.faults.failNextCommit(outcome: .unknown, isApplied: true, under: "binding/")
    guard case .applied = try await leader.write("one", for: "sip:u@example.com", in: group) else {
      Issue.record("not proven")
      return
    }
    #expect(try await leader.text(of: "sip:u@example.com", in: group) == "one")
    #expect(try await leader.ask { $0.counters.writesReadBack } == 1)
    try await pool.stop()
  }

  @Test func `an unknown outcome without proof is not acknowledged`() async throws {
    let pool = try await AgentPool(["a"])
    let leader = pool.hosts[0]
    leader.store.faults.failNextCommit(outcome: .unknown, isApplied: false, under: "binding/")
    guard case .failed = try await leader.write("one", for: "sip:u@example.com", in: group) else {
      Issue.record("acknowledged without proof")
      return
    }
    #expect(try await leader.text(of: "sip:u@example.com", in: group) == nil)
    // The next try goes through.
    guard case .applied = try await leader.write("one", for: "sip:u@example.com", in: group) else {
      Issue.record("the agent does not recover")
      return
    }
    try await pool.stop()
  }

  @Test func `a commit that surely failed is said so`() async throws {
    let pool = try await AgentPool(["a"])
    let leader = pool.hosts[0]
    leader.store.faults.failNextCommit(outcome: .notApplied, code: .noSpace, under: "binding/")
    let outcome = try await leader.write("one", for: "sip:u@example.com", in: group)
    guard case .failed(let error) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(error.code == .noSpace)
    try await pool.stop()
  }

  @Test func `a server without its store steps down by its own clock and still answers lookups`() async throws
  {
    let pool = try await AgentPool(["a"])
    let leader = pool.hosts[0]
    _ = try await leader.write("one", for: "sip:u@example.com", in: group)
    leader.store.faults.partition(true)
    #expect(
      try await eventually(within: .seconds(2)) {
        try await leader.route(group) == .unavailable
      }
    )
    #expect(try await leader.text(of: "sip:u@example.com", in: group) == "one")
    #expect(try await leader.write("two", for: "sip:u@example.com", in: group) == .notPrimary)
    leader.store.faults.partition(false)
    #expect(try await pool.isHealthy())
    try await pool.stop()
  }

  @Test func `history compacted away under a server is read afresh`() async throws {
    let pool = try await AgentPool(["a", "b"])
    let leader = try #require(try await pool.leader(of: group))
    let follower = try #require(pool.hosts.first { $0.name != leader.name })
    _ = try await leader.write("gone", for: "sip:gone@example.com", in: group)
    #expect(try await eventually { try await follower.text(of: "sip:gone@example.com", in: group) == "gone" })
    follower.store.faults.partition(true)
    _ = try await leader.write("one", for: "sip:u@example.com", in: group)
    _ = try await leader.write(nil, for: "sip:gone@example.com", in: group)
    let status = try await leader.store.status()
    try await leader.store.compact(before: status.revision)
    follower.store.faults.partition(false)
    #expect(try await eventually { try await follower.text(of: "sip:u@example.com", in: group) == "one" })
    #expect(try await follower.text(of: "sip:gone@example.com", in: group) == nil)
    #expect(try await pool.isHealthy())
    try await pool.stop()
  }

  @Test func `worthless records are deleted by the primary`() async throws {
    let expiry: @Sendable ([UInt8]) -> Int64? = { bytes in Int64(String(decoding: bytes, as: UTF8.self)) }
    let pool = try await AgentPool(["a", "b"], expiry: expiry)
    let leader = try #require(try await pool.leader(of: group))
    let now = try await leader.ask { $0.poolTime.milliseconds }
    _ = try await leader.write("\(now - 1)", for: "sip:old@example.com", in: group)
    _ = try await leader.write("\(now + 600_000)", for: "sip:new@example.com", in: group)
    for host in pool.hosts {
      #expect(try await eventually { try await host.text(of: "sip:old@example.com", in: group) == nil })
    }
    #expect(try await leader.text(of: "sip:new@example.com", in: group) == "\(now + 600_000)")
    try await pool.stop()
  }

  @Test func `a process that a newer one of its name replaces has no part any more`() async throws {
    var pool = try await AgentPool(["a", "b"])
    let old = try #require(try await pool.leader(of: group))
    pool.hosts.append(try await AgentHost(old.name.rawValue, of: pool.names, on: pool.fabric))
    #expect(try await eventually { try await old.isOut() })
    let position = try #require(pool.hosts.firstIndex { $0 === old })
    pool.hosts.remove(at: position)
    #expect(try await pool.isHealthy())
    try await old.stop()
    try await pool.stop()
  }
}
