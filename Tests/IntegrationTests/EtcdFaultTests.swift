import Foundation
import PoolDemo
import PoolTesting
import SIPClient
import Testing

/// What befalls the store of a pool on etcd.
extension IntegrationTests {
  @Suite(
    "Faults of etcd",
    .serialized,
    .enabled(if: EtcdCluster.program != nil, "etcd-server is not installed")
  )
  struct EtcdFaults {
    /// The member that leads now, as the fabric state says.
    private func leader(_ pool: PoolSandbox) async throws -> String {
      let text = try await pool.must("fabric-state", pool.poolFile).output
      let line = text.split(separator: "\n").first { $0.contains(" leader ") }
      return String(try #require(line).prefix { $0 != " " })
    }

    @Test(
      "a member that is killed, or hangs, is done without; a lost majority stops everything, and comes back"
    )
    func members() async throws {
      try await withEtcdPool("faults", members: 3) { pool, etcd in
        try await withUsers(200, of: pool) { client in
          #expect(await client.register() == 200)
          let first = try await leader(pool)
          etcd.kill(first)
          let over = try await pool.run("failover", "fe1", "--pool", pool.poolFile)
          #expect(over.exitCode == 0, "\(over.description)")
          let state = try await pool.run("fabric-state", pool.poolFile)
          #expect(state.output.contains("2 of 3 members healthy, 2 needed"), "\(state.description)")
          try etcd.start(first)
          let back = try await pool.run("failback", "fe1", "--pool", pool.poolFile)
          #expect(back.exitCode == 0, "\(back.description)")

          let second = try await leader(pool)
          etcd.freeze(second)
          let again = try await pool.run("failover", "fe2", "--pool", pool.poolFile)
          #expect(again.exitCode == 0, "\(again.description)")
          etcd.freeze(second, false)
          let returned = try await pool.run("failback", "fe2", "--pool", pool.poolFile)
          #expect(returned.exitCode == 0, "\(returned.description)")

          etcd.kill("m1")
          etcd.kill("m2")
          for words in [
            ["patch", pool.poolFile], ["reset", pool.poolFile, "--type", "quorum-loss-recovery", "--yes"],
            ["failover", "fe1", "--pool", pool.poolFile],
          ] {
            let result = try await pool.spawn(words).end(within: .seconds(30))
            #expect(
              result.exitCode == 69 && result.errors.contains("lost its majority"),
              "\(result.description)"
            )
            #expect(result.errors.contains("docs/operating/etcd.md"), "\(result.description)")
          }
          try etcd.start("m1")
          try etcd.start("m2")
          try await pool.wait("the pool to have recovered by itself", within: .seconds(30)) { $0.healthy }
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 200, "\(audit)")
        }
      }
    }

    @Test(
      "a majority that is lost for good: the last member goes on alone, and no acknowledged binding is lost"
    )
    func recovery() async throws {
      try await withEtcdPool("alone", members: 3) { pool, etcd in
        try await withUsers(200, of: pool) { client in
          #expect(await client.register() == 200)
          etcd.kill("m1")
          etcd.kill("m2")
          try await pool.must("pool", "stop", pool.poolFile)
          try etcd.wipe("m1")
          try etcd.wipe("m2")
          // As docs/operating/etcd.md says.
          etcd.kill("m3")
          try etcd.start("m3", also: ["--force-new-cluster"])
          try await pool.start(within: .seconds(60))
          let check = try await pool.run("fabric", "check", pool.poolFile)
          #expect(check.exitCode == 0 && check.output.contains("1 members"), "\(check.description)")
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 200, "\(audit)")
        }
      }
    }

    @Test("a backup is put into an empty cluster; without one, a server refuses to begin anew")
    func madeAnew() async throws {
      try await withEtcdPool("anew", members: 1) { pool, etcd in
        try await withUsers(100, of: pool) { client in
          #expect(await client.register() == 100)
          let backup = "\(pool.root)/backup.db"
          try await pool.must("fabric", "backup", pool.poolFile, backup)
          let refused = try await pool.run("fabric", "restore", pool.poolFile, backup, "--yes")
          #expect(refused.exitCode == 77, "\(refused.description)")
          try await pool.must("pool", "stop", pool.poolFile)
          etcd.kill("m1")
          try etcd.wipe("m1")
          try etcd.start("m1")
          var empty = try await pool.run("fabric-state", pool.poolFile)
          for _ in 0..<40 where !empty.errors.contains("has no fabric") {
            #expect(empty.exitCode == 69, "\(empty.description)")
            try await Task.sleep(for: .milliseconds(100))
            empty = try await pool.run("fabric-state", pool.poolFile)
          }
          let started = try await pool.run(
            "frontend",
            "--config",
            pool.poolFile,
            "--server",
            "fe1",
            within: .seconds(20)
          )
          #expect(
            started.exitCode == 65 && started.errors.contains("fabric-identity"),
            "\(started.description)"
          )
          try await pool.must("fabric", "restore", pool.poolFile, backup, "--yes")
          try await pool.start(within: .seconds(60))
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 100, "\(audit)")
        }
      }
    }

    private static func setFabric(_ pool: PoolSandbox, _ fabric: String) throws {
      let text = try String(contentsOfFile: pool.poolFile, encoding: .utf8)
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        line.hasPrefix("fabric:") ? "fabric: \(fabric)" : String(line)
      }
      try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: pool.poolFile))
    }

    @Test("a stopped pool is copied from a file to etcd and back")
    func copy() async throws {
      let etcd = try EtcdCluster(1)
      defer { etcd.remove() }
      try await withPool("copy") { pool in
        try await withUsers(200, of: pool) { client in
          #expect(await client.register() == 200)
          let target = etcd.fabric("/quorate/copy")
          let running = try await pool.run("fabric", "copy", pool.poolFile, target)
          #expect(running.exitCode == 77, "\(running.description)")
          try await pool.must("pool", "stop", pool.poolFile)
          try await pool.must("fabric", "copy", pool.poolFile, target)
          let twice = try await pool.run("fabric", "copy", pool.poolFile, target)
          #expect(twice.exitCode != 0, "\(twice.description)")
          try Self.setFabric(pool, target)
          try await pool.start(within: .seconds(60))
          let over = try await pool.run("failover", "fe1", "--pool", pool.poolFile)
          #expect(over.exitCode == 0, "\(over.description)")
          try await pool.must("failback", "fe1", "--pool", pool.poolFile)
          #expect(await client.audit().isClean)
          try await pool.must("pool", "stop", pool.poolFile)
          try await pool.must("fabric", "copy", pool.poolFile, "sqlite:\(pool.root)/back.db")
          try Self.setFabric(pool, "sqlite:back.db")
          try await pool.start(within: .seconds(60))
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 200, "\(audit)")
        }
      }
    }

    @Test("another pool's prefix, endpoints of two clusters, and a cluster that is full")
    func badInput() async throws {
      let other = try EtcdCluster(1)
      defer { other.remove() }
      try await withEtcdPool("full", members: 1, etcdMore: ["--quota-backend-bytes", "20000000"]) {
        pool,
        etcd in
        let good = try String(contentsOfFile: pool.poolFile, encoding: .utf8)
        func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: pool.poolFile)) }
        try write(good.replacing("pool: full", with: "pool: stranger"))
        let foreign = try await pool.run("fabric-state", pool.poolFile)
        #expect(
          foreign.exitCode == 77 && foreign.errors.contains("belongs to pool"),
          "\(foreign.description)"
        )
        let members = etcd.members[0].client
        try write(good.replacing(members, with: "\(members),\(other.members[0].client)"))
        let mixed = try await pool.run("fabric-state", pool.poolFile)
        #expect(mixed.exitCode == 69 && mixed.errors.contains("different clusters"), "\(mixed.description)")
        try write(good)

        try await withUsers(100, of: pool) { client in
          #expect(await client.register() == 100)
          try await EtcdGatewayCalls.fill(etcd.endpoints[0])
          let state = try await pool.run("fabric-state", pool.poolFile)
          #expect(state.output.contains("NOSPACE"), "\(state.description)")
          let refused = try await pool.run("failover", "fe1", "--pool", pool.poolFile, "--wait-time", "5s")
          #expect(refused.exitCode == 69, "\(refused.description)")
          try await pool.must("fabric", "compact", pool.poolFile)
          let over = try await pool.run("failover", "fe1", "--pool", pool.poolFile)
          #expect(over.exitCode == 0, "\(over.description)")
          #expect(await client.audit().isClean)
        }
      }
    }
  }
}

/// Calls etcd's gateway as an operator's script does.
enum EtcdGatewayCalls {
  /// Whether it was done.
  static func call(_ url: String, _ body: String, _ more: [String] = []) async throws -> Bool {
    let file = "/tmp/quorate-etcd-\(UUID().uuidString)"
    try Data(body.utf8).write(to: URL(filePath: file))
    defer {
      for suffix in ["", ".out", ".err"] { try? FileManager.default.removeItem(atPath: file + suffix) }
    }
    let command = try SpawnedCommand(
      "/usr/bin/curl",
      ["-sf", "-X", "POST", "-d", "@\(file)"] + more + [url],
      logs: "/tmp",
      tag: String(file.dropFirst(5))
    )
    return await command.end(within: .seconds(10)).exitCode == 0
  }

  /// Writes until etcd says that it is full, then takes that away again, but not the alarm.
  static func fill(_ endpoint: String) async throws {
    let value = Data(repeating: 7, count: 1_000_000).base64EncodedString()
    let key = Data("/filling".utf8).base64EncodedString()
    for _ in 0..<60 {
      guard try await call("\(endpoint)/v3/kv/put", "{\"key\":\"\(key)\",\"value\":\"\(value)\"}") else {
        break
      }
    }
    _ = try await call("\(endpoint)/v3/kv/deleterange", "{\"key\":\"\(key)\"}")
  }
}
