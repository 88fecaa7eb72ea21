import Foundation
import PoolDemo
import SIPClient
import Testing

extension IntegrationTests {
  /// Each bad input of issue 2: one clear error, the documented exit code, and a pool no worse than before.
  @Suite("Bad input", .serialized) struct BadInput {
    @Test("names that are not there, on a pool that runs")
    func unknownNames() async throws {
      try await withPool("names", groups: 6) { pool in
        let cases: [(words: [String], code: Int32, says: String)] = [
          (["fabric-state", "\(pool.root)/other.yaml"], 64, "other.yaml"),
          (["failover", "fe9", "--pool", pool.poolFile], 64, "fe9"),
          (["failback", "fe9", "--pool", pool.poolFile], 64, "fe9"),
          (["patch", pool.poolFile, "--server", "fe9"], 64, "fe9"),
          (["fabric-state", pool.poolFile, "--routing-group", "rg-77"], 64, "rg-77"),
          (["fabric-state", pool.poolFile, "--user", "no address"], 64, "no address"),
          (["reset", pool.poolFile, "--type", "half-reset", "--yes"], 64, "half-reset"),
          (["reset", pool.poolFile, "--type", "quorum-loss-recovery"], 64, "--yes"),
          (["failover", "fe1", "--pool", pool.poolFile, "--force"], 64, "--reason"),
          (["no-such-command"], 64, "no-such-command"),
        ]
        for (words, code, says) in cases {
          let result = try await pool.spawn(words).end(within: .seconds(20))
          #expect(result.exitCode == code, "\(result.description)")
          #expect(result.errors.contains(says), "\(result.description)")
          #expect(result.output.isEmpty, "an error belongs on standard error: \(result.description)")
        }
        #expect(try await pool.seen().healthy)
        try await Self.wrongPoolFiles(pool)
      }
    }

    /// All errors of a file at once, each with its line; the pool runs on.
    private static func wrongPoolFiles(_ pool: PoolSandbox) async throws {
      let good = try String(contentsOfFile: pool.poolFile, encoding: .utf8)
      let bad = "\(pool.root)/bad.yaml"
      let text = good.replacing("groups:", with: "gruops:").replacing("name: fe2", with: "name: fe1")
      try text.write(toFile: bad, atomically: false, encoding: .utf8)
      let result = try await pool.run("fabric-state", bad)
      #expect(result.exitCode == 65, "\(result.description)")
      #expect(result.errors.contains("gruops") && result.errors.contains("fe1"), "\(result.description)")
      #expect(result.errors.contains("bad.yaml:5:"), "\(result.description)")
      let oneDomain = good.replacing(", http:", with: ", upgrade-domain: rack1, http:")
      try oneDomain.write(toFile: bad, atomically: false, encoding: .utf8)
      let domain = try await pool.run("fabric-state", bad)
      #expect(domain.exitCode == 65 && domain.errors.contains("rack1"), "\(domain.description)")
    }

    @Test("a pool that does not run, a port in use, and a fabric that is corrupt")
    func cannotStart() async throws {
      try await withPool("nostart", groups: 6, isStarted: false) { pool in
        let none = try await pool.run("fabric-state", pool.poolFile)
        #expect(none.exitCode == 69, "\(none.description)")

        let taken = try #require(TakenPort(pool.servers[1].sip))
        let inUse = try await pool.run("pool", "start", pool.poolFile, "--wait-time", "10s")
        #expect(inUse.exitCode != 0, "\(inUse.description)")
        #expect((inUse.output + inUse.errors).contains("fe2"), "\(inUse.description)")
        taken.release()
        try await pool.must("pool", "stop", pool.poolFile)
        try await pool.start()

        try await pool.must("pool", "stop", pool.poolFile)
        for name in ["fabric.db-wal", "fabric.db-shm"] {
          try? FileManager.default.removeItem(atPath: "\(pool.root)/\(name)")
        }
        let handle = try #require(FileHandle(forWritingAtPath: pool.fabric))
        try handle.write(contentsOf: Data(repeating: 0x51, count: 8192))
        try handle.close()
        let corrupt = try await pool.run("fabric-state", pool.poolFile)
        #expect(corrupt.exitCode == 65 && corrupt.errors.contains("fabric"), "\(corrupt.description)")
        let check = try await pool.run("fabric", "check", pool.poolFile)
        #expect(check.exitCode != 0, "\(check.description)")
      }
    }

    @Test("a patch command that fails")
    func failingPatch() async throws {
      try await withPool("failing", groups: 6, change: { $0.apply = "echo no such package >&2; exit 3" }) {
        pool in
        try await Self.patchStops(pool, says: "3")
        // The first server is as it was, or out and named; the other two serve.
        let state = try await pool.seen()
        #expect(state.servers.count { $0.service == "in-service" && $0.up } >= 2)
        #expect(state.servers.allSatisfy { $0.version == nil || $0.version == pool.version })
      }
    }

    @Test("a patch command that hangs past its timeout leaves no child behind")
    func hangingPatch() async throws {
      try await withPool("hanging", groups: 6, change: { $0.patchMore = ["timeout: 1s"] }) { pool in
        try pool.writePoolFile(apply: "sleep 4711 & sleep 4711")
        try await Self.patchStops(pool, says: "longer than 1 s")
        let left = try await SpawnedCommand(
          "/bin/sh",
          ["-c", "ps -eo args | grep -c '[s]leep 4711'"],
          logs: pool.logs,
          tag: "ps"
        )
        .end(within: .seconds(10))
        #expect(left.output.hasPrefix("0"), "\(left.description)")
      }
    }

    @Test("a patch after which the server does not start")
    func patchThatBreaks() async throws {
      try await withPool("broken", groups: 6) { pool in
        let script = "\(pool.root)/break.sh"
        try Self.breakingScript.write(toFile: script, atomically: false, encoding: .utf8)
        try pool.writePoolFile(apply: "sh \(script)")
        try await Self.patchStops(pool, says: "fe")
        let state = try await pool.seen()
        #expect(state.servers.count { $0.service == "in-service" && $0.up } == 2, "\(state.servers)")
        #expect(state.servers.count { $0.service == "out" } == 1, "\(state.servers)")
      }
    }

    /// Installs a release whose program ends at once.
    private static let breakingScript = """
      set -eu
      mkdir -p "$QUORATE_SERVER_DIR/releases/broken"
      printf '#!/bin/sh\\nexit 9\\n' > "$QUORATE_SERVER_DIR/releases/broken/quorate"
      chmod +x "$QUORATE_SERVER_DIR/releases/broken/quorate"
      ln -sfn releases/broken "$QUORATE_SERVER_DIR/current"
      """

    /// The run stops with 75, says what it was, and users feel nothing.
    private static func patchStops(_ pool: PoolSandbox, says: String) async throws {
      try await withUsers(200, of: pool) { client in
        #expect(await client.register() == 200)
        client.begin(Workload(refreshEvery: .seconds(2), messagesPerSecond: 20))
        let patch = try await pool.run("patch", pool.poolFile, "--wait-time", "10s", within: .seconds(90))
        #expect(patch.exitCode == 75, "\(patch.description)")
        #expect((patch.output + patch.errors).contains(says), "\(patch.description)")
        await client.quiet()
        let statistics = await client.statistics()
        #expect(statistics.failed == 0, "\(statistics.registers.failures) \(statistics.messages.failures)")
        let state = try await pool.seen()
        #expect(state.counts.groupsWithoutPrimary == 0)
        let audit = await client.audit()
        #expect(audit.isClean && audit.acknowledged == 200, "\(audit)")
      }
    }
  }
}

/// A UDP port that somebody else has.
private final class TakenPort {
  private let descriptor: Int32

  init?(_ port: Int) {
    descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(clamping: port)).bigEndian
    address.sin_addr = in_addr(s_addr: in_addr_t(0x7f00_0001).bigEndian)
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0 else { return nil }
  }

  func release() { close(descriptor) }
}
