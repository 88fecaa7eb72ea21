import FabricAgent
import FabricRecords
import FabricStore
import PoolModel
import PoolTesting
import Replication
import Synchronization
import Testing

@Suite(.serialized) struct PlannedTests {
  let group = RoutingGroupID(0)

  private func setService(_ service: ServiceState, of server: ServerName, in pool: AgentPool) async throws {
    let view = try await FabricView.read(from: pool.hosts[0].store)
    let old = try #require(view.servers[server])
    var record = old.record
    record.service = service
    let update = FabricUpdate(
      when: [.serverIs(server, revision: old.revision)],
      write: [.server(record), .epoch]
    )
    guard case .applied = try await pool.hosts[0].store.commit(update.transaction(), urgent: true) else {
      Issue.record("the server's record has changed")
      return
    }
  }

  @Test func `a planned fail-over moves every group and loses no write`() async throws {
    let pool = try await AgentPool(["a", "b", "c"])
    let leaving = try #require(try await pool.leader(of: group))
    let mark = OutMark(by: "test", reason: "patch", since: PoolTime(milliseconds: 0))
    let acknowledged = Mutex<[Int: UInt64]>([:])
    let writer = Task { [group] in
      for number in 0..<400 {
        for host in pool.hosts {
          let outcome = try await host.write("\(number)", for: "sip:u\(number)@example.com", in: group)
          if case .applied(let revision) = outcome {
            acknowledged.withLock { $0[number] = revision }
            break
          }
        }
        try await Task.sleep(for: .milliseconds(1))
      }
    }
    try await Task.sleep(for: .milliseconds(50))
    try await setService(.leaving(mark), of: leaving.name, in: pool)
    #expect(try await eventually { try await leaving.leads() == 0 })
    try await leaving.ask { $0.drainFinished() }
    #expect(
      try await eventually {
        try await pool.hosts[0].state().server(leaving.name)?.drained == true
      }
    )
    try await setService(.out(mark), of: leaving.name, in: pool)
    try await writer.value
    let written = acknowledged.withLock { $0 }
    #expect(written.count > 300)
    let heir = try #require(try await pool.leader(of: group))
    #expect(heir.name != leaving.name)
    for (number, revision) in written {
      let entry = try await heir.store.read("binding/00000/sip:u\(number)@example.com")
      #expect(entry?.modRevision == revision)
    }
    try await setService(.inService, of: leaving.name, in: pool)
    #expect(try await pool.isHealthy())
    try await pool.stop()
  }

  @Test func `a server that stops gives its groups away first`() async throws {
    var pool = try await AgentPool(["a", "b", "c"])
    let stopping = try #require(try await pool.leader(of: group))
    let began = ContinuousClock.now
    try await stopping.stop()
    // Long before its lease would have run out.
    let remaining = pool.hosts.filter { $0.name != stopping.name }
    for host in remaining {
      for number in 0..<AgentHost.groups {
        #expect(try await host.route(RoutingGroupID(number)) != .unavailable)
      }
    }
    #expect(ContinuousClock.now - began < .milliseconds(800))
    // A new process of that name comes back to its share.
    pool.hosts = remaining
    pool.hosts.append(try await AgentHost(stopping.name.rawValue, of: pool.names, on: pool.fabric))
    #expect(try await pool.isHealthy())
    try await pool.stop()
  }

  @Test func `a whole pool that was killed starts by itself with everything`() async throws {
    var pool = try await AgentPool(["a", "b", "c"])
    let leader = try #require(try await pool.leader(of: group))
    for number in 0..<50 {
      _ = try await leader.write("\(number)", for: "sip:u\(number)@example.com", in: group)
    }
    for host in pool.hosts { host.kill() }
    let dead = pool.hosts
    pool.hosts = []
    for name in pool.names { pool.hosts.append(try await AgentHost(name, of: pool.names, on: pool.fabric)) }
    #expect(try await pool.isHealthy())
    let heir = try #require(try await pool.leader(of: group))
    #expect(try await heir.count(of: group) == 50)
    #expect(try await heir.text(of: "sip:u7@example.com", in: group) == "7")
    for host in dead { try await host.stop() }
    try await pool.stop()
  }
}
