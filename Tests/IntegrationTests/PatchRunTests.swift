import Foundation
import PoolDemo
import SIPClient
import Testing

extension IntegrationTests {
  /// Patch runs on a real pool: who holds it, pausing and giving up, servers that do not come back, and what users see.
  @Suite("Patch runs", .serialized) struct PatchRuns {
    /// A report as `--json` prints it, as far as these tests read it.
    private struct Report: Decodable {
      struct Probes: Decodable {
        struct Server: Decodable { var server: String }
        var requests: Int
        var failed: Int
        var users: Int?
        var servers: [Server]?
      }
      var run: String
      var probes: Probes?
      var unwatched: String?

      init(_ result: CommandResult) throws {
        self = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
      }
    }

    @Test("while a run goes on others are refused; it is paused, resumed, and given up")
    func claim() async throws {
      let hooks = ["hooks: {before-server: \"sleep 2\"}"]
      try await withPool("claim", groups: 6, change: { $0.patchMore = hooks }) { pool in
        let run = try pool.spawn(["patch", pool.poolFile])
        try await pool.wait("fe3 to be patched") { $0.servers.contains { $0.version == pool.nextVersion } }
        let second = try await pool.run("patch", pool.poolFile)
        #expect(second.exitCode == 77 && second.errors.contains("held by"), "\(second.description)")
        let over = try await pool.run("failover", "fe1", "--pool", pool.poolFile, "--wait-time", "2s")
        #expect(over.exitCode == 77 && over.errors.contains("held by"), "\(over.description)")
        let pause = try await pool.run("runs", "pause", pool.poolFile, "--reason", "lunch")
        #expect(pause.exitCode == 0, "\(pause.description)")
        let paused = await run.end(within: .seconds(30))
        #expect(paused.exitCode == 75 && paused.output.contains("lunch"), "\(paused.description)")
        let state = try await pool.seen()
        #expect(state.healthy)
        #expect(state.servers.contains { $0.version == pool.version }, "nothing was left to be patched")
        // Without a coordinator the claim still holds.
        let manual = try await pool.run("failover", "fe1", "--pool", pool.poolFile, "--wait-time", "2s")
        #expect(manual.exitCode == 77 && manual.errors.contains("unfinished"), "\(manual.description)")
        let list = try await pool.must("runs", "list", pool.poolFile).output
        #expect(list.contains("paused") && list.contains("lunch"))
        let resume = try pool.spawn(["runs", "resume", pool.poolFile])
        try await pool.wait("another server to go out") { $0.servers.contains { $0.service != "in-service" } }
        let abort = try await pool.run("runs", "abort", pool.poolFile, "--yes", "--reason", "enough")
        #expect(abort.exitCode == 1 && abort.output.contains("abandoned"), "\(abort.description)")
        #expect(await resume.end(within: .seconds(30)).exitCode == 1)
        #expect(try await pool.seen().healthy)
        #expect(try await pool.run("runs", "abort", pool.poolFile, "--yes").exitCode == 64)
        let shown = try await pool.run("runs", "show", pool.poolFile)
        #expect(shown.output.contains("given up by") && !shown.output.contains("quarantined: quarantined"))
      }
    }

    @Test("a run killed in the middle is given up by another process, which brings its server back")
    func abortWithoutCoordinator() async throws {
      let slow = "sleep 3; \"$(dirname \"$QUORATE_POOL_FILE\")\"/install-release.sh"
      try await withPool("orphan", groups: 6, change: { $0.apply = slow }) { pool in
        let run = try pool.spawn(["patch", pool.poolFile])
        try await pool.wait("a server to be out") { $0.servers.contains { $0.service == "out" } }
        run.signal(SIGKILL)
        _ = await run.end(within: .seconds(5))
        try await Task.sleep(for: .seconds(4))
        let abort = try await pool.run("runs", "abort", pool.poolFile, "--yes", within: .seconds(60))
        #expect(abort.exitCode == 1 && abort.output.contains("abandoned"), "\(abort.description)")
        #expect(try await pool.seen().healthy)
      }
    }

    @Test("a journal that was changed is refused with the record's number")
    func tampered() async throws {
      try await withPool(
        "tampered",
        groups: 6,
        change: { $0.patchMore = ["hooks: {before-server: \"sleep 2\"}"] }
      ) {
        pool in
        let run = try pool.spawn(["patch", pool.poolFile])
        try await pool.wait("a server to be patched") {
          $0.servers.contains { $0.version == pool.nextVersion }
        }
        run.signal(SIGKILL)
        _ = await run.end(within: .seconds(5))
        let script = """
          import json, sqlite3, sys
          store = sqlite3.connect(sys.argv[1])
          key, value = store.execute(
            "select key, value from current where cast(key as text) like 'run/%/record/000005'").fetchone()
          record = json.loads(bytes(value))
          record["at"] += 1
          store.execute("update current set value = ? where key = ?", (json.dumps(record).encode(), key))
          store.commit()
          """
        let change = try await SpawnedCommand(
          "/usr/bin/python3",
          ["-c", script, pool.fabric],
          logs: pool.logs,
          tag: "tamper"
        ).end(within: .seconds(10))
        try #require(change.exitCode == 0, "\(change.description)")
        for words in [["patch", pool.poolFile], ["runs", "show", pool.poolFile]] {
          let result = try await pool.spawn(words).end(within: .seconds(30))
          #expect(result.exitCode == 65, "\(result.description)")
          #expect(result.errors.contains("record 5"), "\(result.description)")
        }
        #expect(try await pool.must("runs", "list", pool.poolFile).output.contains("record 5"))
        // The way out: the claim goes, every server stays as it is, and a new run patches the rest.
        try await pool.must(
          "runs",
          "abort",
          pool.poolFile,
          "--discard-journal",
          "--yes",
          "--reason",
          "a test"
        )
        for server in try await pool.seen().servers where server.service != "in-service" {
          try await pool.must("failback", server.name, "--pool", pool.poolFile)
        }
        let again = try await pool.run("patch", pool.poolFile, within: .seconds(90))
        #expect(again.exitCode == 0, "\(again.description)")
      }
    }

    @Test("a patch that breaks its server is rolled back; within --max-failed the run goes on")
    func failures() async throws {
      let breaks = "ln -sfn nowhere \"$QUORATE_SERVER_DIR/current\""
      let puts = "rollback: 'ln -sfn \"releases/$QUORATE_OLD_VERSION\" \"$QUORATE_SERVER_DIR/current\"'"
      try await withPool("rollback", groups: 6, change: { ($0.apply, $0.patchMore) = (breaks, [puts]) }) {
        pool in
        let run = try await pool.run("patch", pool.poolFile, "--wait-time", "10s", within: .seconds(90))
        #expect(run.exitCode == 75, "\(run.description)")
        #expect(run.output.contains("rolling back") || run.output.contains("rollback"), "\(run.description)")
        #expect(try await pool.seen().healthy)
        #expect(try await pool.versions() == Array(repeating: pool.version, count: 3))
      }
      let install = "\"$(dirname \"$QUORATE_POOL_FILE\")\"/install-release.sh"
      let oneBreaks = "if [ $QUORATE_SERVER = fe1 ]; then ln -sfn nowhere current; else \(install); fi"
      try await withPool("budget", servers: 5, groups: 10, change: { $0.apply = oneBreaks }) { pool in
        let run = try await pool.run(
          "patch",
          pool.poolFile,
          "--max-failed",
          "1",
          "--wait-time",
          "20s",
          within: .seconds(120)
        )
        // fe1 stays out, and every group that had a replica there keeps its floor: the gates decide whether the rest goes on.
        let state = try await pool.seen()
        #expect(state.server("fe1")?.service == "out", "\(run.description)")
        #expect(state.servers.count { $0.service == "in-service" && $0.up } == 4)
        #expect(run.output.contains("fe1: "), "\(run.description)")
        #expect(run.exitCode == 1 || run.exitCode == 75, "\(run.description)")
      }
    }

    @Test("a canary, its soak, a window that is open, and what users saw")
    func canaryAndProbes() async throws {
      try await withPool("canary", groups: 6) { pool in
        let run = try await pool.run(
          "patch",
          pool.poolFile,
          "--canary",
          "1",
          "--canary-soak",
          "3s",
          "--window",
          "daily 00:00-24:00",
          "--max-gap",
          "20s",
          "--json"
        )
        #expect(run.exitCode == 0 && run.took >= .seconds(3), "\(run.description)")
        let report = try Report(run)
        let probes = try #require(report.probes, "\(run.description)")
        #expect(probes.failed == 0 && probes.requests >= 6 && probes.users == 6)
        #expect(Set(probes.servers?.map(\.server) ?? []) == ["fe1", "fe2", "fe3"])
        // The same from the journal alone.
        let shown = try Report(try await pool.must("runs", "show", pool.poolFile, "--json"))
        #expect(shown.probes?.requests == probes.requests)
        let text = try await pool.must("runs", "show", pool.poolFile).output
        #expect(text.contains("what users saw: \(probes.requests) requests of 6 synthetic users"))
        // Nobody sees the users of the prober, and nothing of them is left.
        #expect(
          try await pool.must("user", "list", pool.poolFile, "--json").output.contains("probe") == false
        )
        try await pool.wait("no binding to be counted") { $0.servers.allSatisfy { ($0.bindings ?? 0) == 0 } }
        let plan = try await pool.must("patch", pool.poolFile, "--plan").output
        #expect(plan.contains("skipped"))
        let quiet = try await pool.run("patch", pool.poolFile, "--no-probe", "--json")
        #expect(try Report(quiet).unwatched == "--no-probe", "\(quiet.description)")
      }
    }

    @Test("a server that hangs while another is patched cuts users off, and the run pauses")
    func gap() async throws {
      let slow = "sleep 6; \"$(dirname \"$QUORATE_POOL_FILE\")\"/install-release.sh"
      let change: (inout PoolSandbox.Layout) -> Void = {
        ($0.apply, $0.patchMore, $0.more) = (slow, ["max-gap: 1s"], ["lease-ttl: 3s"])
      }
      try await withPool("gap", groups: 12, change: change) { pool in
        let run = try pool.spawn(["patch", pool.poolFile, "--wait-time", "60s"])
        let out = try await pool.wait("a server to be out") { $0.servers.contains { $0.service == "out" } }
        let victim = try #require(out.servers.first { $0.service == "in-service" }?.name)
        let process = try #require(pool.serverProcess(victim))
        try await Self.hang(process, pool)
        try await Task.sleep(for: .seconds(3))
        kill(process, SIGCONT)
        let end = await run.end(within: .seconds(90))
        #expect(end.exitCode == 75, "\(end.description)")
        #expect(end.output.contains("a user was cut off for"), "\(end.description)")
        let state = try await pool.wait("the pool to be whole") { $0.healthy }
        #expect(state.servers.count { $0.version == pool.nextVersion } == 1, "a further server was taken out")
        // The same command goes on.
        let again = try await pool.run("patch", pool.poolFile, "--max-gap", "30s", within: .seconds(90))
        #expect(again.exitCode == 0, "\(again.description)")
      }
    }

    /// Stops a server's process at a moment when it does not hold the lock of the fabric's file: with that it would stop
    /// everybody, the coordinator too.
    private static func hang(_ process: pid_t, _ pool: PoolSandbox) async throws {
      let script = """
        import sqlite3, sys
        sqlite3.connect(sys.argv[1], timeout=0.2).execute("begin immediate")
        """
      for _ in 0..<50 {
        kill(process, SIGSTOP)
        let probe = try SpawnedCommand(
          "/usr/bin/python3",
          ["-c", script, pool.fabric],
          logs: pool.logs,
          tag: "lock"
        )
        if await probe.end(within: .seconds(5)).exitCode == 0 { return }
        kill(process, SIGCONT)
        try await Task.sleep(for: .milliseconds(30))
      }
      Issue.record("the server always held the lock")
    }
  }
}
