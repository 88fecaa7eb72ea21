import PoolDemo
import PoolTesting
import SIPClient
import Testing

/// Makes a pool whose fabric is on an etcd of its own, gives both to `body`, and leaves nothing of them.
func withEtcdPool(
  _ name: String,
  members: Int,
  scheme: String = "http",
  etcdMore: [String] = [],
  isStarted: Bool = true,
  change: (inout PoolSandbox.Layout) -> Void = { _ in },
  _ body: (PoolSandbox, EtcdCluster) async throws -> Void
) async throws {
  let etcd = try EtcdCluster(members, scheme: scheme, more: etcdMore)
  defer { etcd.remove() }
  try await withPool(
    name,
    isStarted: isStarted,
    change: { layout in
      layout.fabric = etcd.fabric("/quorate/\(name)")
      change(&layout)
    }
  ) { pool in try await body(pool, etcd) }
}

extension IntegrationTests {
  @Suite(
    "A pool on etcd",
    .serialized,
    .enabled(if: EtcdCluster.program != nil, "etcd-server is not installed")
  )
  struct EtcdPools {
    @Test("serves, is patched and loses no binding", arguments: [1, 3])
    func patch(members: Int) async throws {
      try await withEtcdPool("etcd\(members)", members: members) { pool, _ in
        try await withUsers(500, of: pool) { client in
          #expect(await client.register() == 500)
          client.begin(Workload(refreshEvery: .seconds(3), messagesPerSecond: 20))
          let over = try await pool.run("failover", "fe1", "--pool", pool.poolFile)
          #expect(over.exitCode == 0, "\(over.description)")
          let back = try await pool.run("failback", "fe1", "--pool", pool.poolFile)
          #expect(back.exitCode == 0, "\(back.description)")
          let run = try await pool.run("patch", pool.poolFile, "--json", within: .seconds(120))
          #expect(run.exitCode == 0, "\(run.description)")
          #expect(try await pool.versions() == Array(repeating: pool.nextVersion, count: 3))
          #expect(try await pool.seen().healthy)
          let runs = try await pool.run("runs", "list", pool.poolFile)
          #expect(runs.output.contains("patch") && runs.output.contains("failback"), "\(runs.description)")
          await client.quiet()
          let statistics = await client.statistics()
          #expect(statistics.failed == 0, "\(statistics.registers.failures) \(statistics.messages.failures)")
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 500, "\(audit)")
        }
      }
    }
  }
}
