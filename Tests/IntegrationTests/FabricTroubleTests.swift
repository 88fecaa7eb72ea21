import Foundation
import PoolDemo
import SIPClient
import Testing

extension IntegrationTests {
  /// A fabric that cannot be written, or that a newer release wrote: one clear error, the documented exit code, nothing lost.
  @Suite("Fabric trouble", .serialized) struct FabricTrouble {
    /// Runs `body` with a pool whose fabric is on a small disk of its own; needs root, as mounting does.
    private func withSmallDisk(_ body: (PoolSandbox, String) async throws -> Void) async throws {
      let disk = "/tmp/quorate-disk-\(getpid())"
      try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
      try await Self.shell("mount -t tmpfs -o size=8m none \(disk)")
      do {
        try await withPool("disk", groups: 6, change: { $0.fabric = "sqlite:\(disk)/fabric.db" }) { pool in
          try await body(pool, disk)
        }
      } catch {
        try? await Self.shell("umount -l \(disk); rmdir \(disk)")
        throw error
      }
      try await Self.shell("umount -l \(disk); rmdir \(disk)")
    }

    private static func shell(_ line: String) async throws {
      let result = try await SpawnedCommand(
        "/bin/sh",
        ["-c", line],
        logs: "/tmp",
        tag: "quorate-sh-\(getpid())"
      )
      .end(within: .seconds(20))
      try #require(result.exitCode == 0, "\(result.description)")
    }

    private func fails(_ pool: PoolSandbox, _ code: Int32, _ says: String, _ words: String...) async throws {
      let result = try await pool.spawn(words).end(within: .seconds(40))
      #expect(result.exitCode == code, "\(result.description)")
      #expect(result.errors.contains(says), "\(result.description)")
    }

    @Test("a disk that is full, and one that is read-only", .enabled(if: getuid() == 0))
    func disk() async throws {
      try await withSmallDisk { pool, disk in
        try await withUsers(200, of: pool) { client in
          #expect(await client.register() == 200)
          try await Self.shell("cat /dev/zero > \(disk)/fill 2> /dev/null; test -s \(disk)/fill")
          try await fails(
            pool,
            69,
            "no room",
            "failover",
            "fe1",
            "--pool",
            pool.poolFile,
            "--wait-time",
            "5s"
          )
          try await Self.shell("rm \(disk)/fill")
          let state = try await pool.wait("the pool to be whole again") { $0.healthy }
          #expect(state.servers.allSatisfy { $0.service == "in-service" })
          #expect(await client.register() == 200)

          try await pool.must("pool", "stop", pool.poolFile)
          try await Self.shell("mount -o remount,ro \(disk)")
          try await fails(pool, 69, "Read-only", "fabric-state", pool.poolFile)
          try await fails(pool, 69, "Read-only", "patch", pool.poolFile)
          try await Self.shell("mount -o remount,rw \(disk)")
          try await pool.start()
          let audit = await client.audit()
          #expect(audit.isClean && audit.acknowledged == 200, "\(audit)")
        }
      }
    }

    @Test("a fabric file of a newer schema is refused and not brought down")
    func newerSchema() async throws {
      try await withPool("newer", groups: 6) { pool in
        try await pool.must("pool", "stop", pool.poolFile)
        for name in ["fabric.db-wal", "fabric.db-shm"] {
          try? FileManager.default.removeItem(atPath: "\(pool.root)/\(name)")
        }
        // SQLite's user_version: four bytes at 60 of the file.
        let handle = try #require(FileHandle(forUpdatingAtPath: pool.fabric))
        try handle.seek(toOffset: 60)
        try handle.write(contentsOf: Data([0, 0, 0, 99]))
        try handle.close()
        for words in [["fabric-state"], ["patch"], ["fabric", "check"]] {
          let result = try await pool.spawn(words + [pool.poolFile]).end(within: .seconds(40))
          #expect(result.exitCode == 65, "\(result.description)")
          #expect(result.errors.contains("schema 99"), "\(result.description)")
        }
        let after = [UInt8](try Data(contentsOf: URL(fileURLWithPath: pool.fabric)))
        #expect(after.count > 64 && Array(after[60..<64]) == [0, 0, 0, 99])
      }
    }
  }
}
