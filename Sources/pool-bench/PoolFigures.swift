import Glibc
import PoolDemo
import PoolModel
import PoolTesting
import Replication
import SIPClient

/// The figures of issue 2, one method for each, each on a pool of its own.
struct PoolFigures {
  let programs: PoolSandbox.Programs

  private func withPool(
    groups: Int = 24,
    drainTime: String = "3s",
    on etcd: EtcdCluster? = nil,
    _ body: (PoolSandbox) async throws -> [Figure]
  ) async throws -> [Figure] {
    try await PoolSandbox.started(
      "bench",
      programs: programs,
      groups: groups,
      drainTime: drainTime,
      fabric: etcd?.fabric("/quorate/bench"),
      body
    )
  }

  private func withUsers(
    _ count: Int,
    of pool: PoolSandbox,
    _ body: (PoolClient) async throws -> [Figure]
  ) async throws -> [Figure] {
    let client = try await PoolClient.start(
      ClientConfiguration(
        servers: pool.endpoints,
        domain: pool.layout.domain,
        users: count,
        expires: 3600,
        seed: UInt64.random(in: 1...0xffff_ffff)
      )
    )
    do {
      let registered = await client.register()
      guard registered == count else {
        let tally = await client.statistics().registers
        throw BenchError("only \(registered) of \(count) users could register: \(tally.failures)")
      }
      let figures = try await body(client)
      await client.close()
      return figures
    } catch {
      await client.close()
      throw error
    }
  }

  // MARK: - What users feel

  /// Gaps while one server is failed over and back, and while another is killed; 3,000 users at work.
  func gaps() async throws -> [Figure] { try await gaps(on: nil) }

  /// The same with the fabric on three members of etcd; with the second server its host goes, its member too.
  func gapsOnEtcd() async throws -> [Figure] {
    let etcd = try EtcdCluster(3)
    defer { etcd.remove() }
    try await Task.sleep(for: .seconds(3))
    return try await gaps(on: etcd)
  }

  private func gaps(on etcd: EtcdCluster?) async throws -> [Figure] {
    let store = etcd == nil ? "" : "on etcd, "
    let bound: Double = etcd == nil ? 100 : 150
    return try await withPool(on: etcd) { pool in
      try await withUsers(3000, of: pool) { client in
        client.begin(Workload(refreshEvery: .seconds(3), messagesPerSecond: 150))
        try await Task.sleep(for: .seconds(2))
        var figures: [Figure] = []

        _ = await client.statistics(reset: true)
        try await pool.must("failover", "fe1", "--pool", pool.poolFile)
        try await Task.sleep(for: .seconds(2))
        let planned = await client.statistics(reset: true)
        let told = max(planned.registers.longestWithoutSilence, planned.messages.longestWithoutSilence)
        let silent = max(planned.registers.longestWithSilence, planned.messages.longestWithSilence)
        figures.append(
          Figure("\(store)planned fail-over: longest gap, 503 or ICMP met", ms(told), "ms", atMost: bound)
        )
        figures.append(Figure("planned fail-over: longest gap, silence met", ms(silent), "ms", atMost: 600))
        figures += counts("planned fail-over", planned)

        try await pool.must("failback", "fe1", "--pool", pool.poolFile)
        let back = await client.statistics(reset: true)
        figures.append(Figure("fail-back: longest gap", ms(back.longestGap), "ms", atMost: 600))
        figures += counts("fail-back", back)

        etcd?.kill("m2")
        // The keeper too, or it would have the server back before anybody misses it.
        try await pool.takeAway("fe2")
        try await Task.sleep(for: .seconds(6))
        try etcd?.start("m2")
        try await pool.bringBack("fe2")
        try await pool.wait("the pool to be whole again") { $0.healthy }
        await client.quiet()
        let killed = await client.statistics()
        figures.append(
          Figure("\(store)kill -9: longest gap (TTL 2 s + 1 s)", ms(killed.longestGap), "ms", atMost: 3000)
        )
        figures += counts("kill -9", killed)

        let audit = await client.audit()
        figures.append(
          Figure("acknowledged bindings lost", Double(audit.acknowledged - audit.present), "", atMost: 0)
        )
        return figures
      }
    }
  }

  private func ms(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1e6 }

  private func counts(_ name: String, _ statistics: ClientStatistics) -> [Figure] {
    let icmp = statistics.registers.unreachable + statistics.messages.unreachable
    let silences = statistics.registers.silences + statistics.messages.silences
    return [
      Figure("\(name): requests failed", Double(statistics.failed), "", atMost: 0),
      Figure(
        "\(name): raw",
        "\(statistics.requests) requests, \(statistics.unavailable) x 503, \(icmp) x ICMP, \(silences) silences, "
          + "\(statistics.retries) retries"
      ),
    ]
  }

  // MARK: - How long the acts take

  /// Fail-over of a server with 8 primaries and 10,000 bindings, and its fail-back. Counted from the start of each command:
  /// the watch may show the mark and the swaps in one.
  func failOver() async throws -> [Figure] {
    try await withPool { pool in
      try await withUsers(30_000, of: pool) { _ in
        // A server says how many bindings it holds now and then.
        let state = try await pool.wait("the servers to say what they hold") { state in
          state.servers.reduce(0) { $0 + ($1.bindings ?? 0) } == 30_000
        }
        let held = state.server("fe1")
        let server = ServerName("fe1")
        let timeline = try await FabricTimeline(pool.fabric)
        let began = ContinuousClock.now
        let over = try await pool.must("failover", "fe1", "--pool", pool.poolFile)
        let moved = try await timeline.wait(after: began) { view in
          view.servers[server]?.record.service.isInService == false && view.primaries(of: server) == 0
        }
        let restarted = ContinuousClock.now
        let back = try await pool.must("failback", "fe1", "--pool", pool.poolFile)
        let serves = try await timeline.wait(after: restarted) { view in
          view.servers[server]?.record.service.isInService == true
        }
        let even = try await timeline.wait(after: serves) { $0.primaries(of: server) == held?.primaries }
        await timeline.close()
        return [
          Figure(
            "fail-over: held by the server",
            "\(held?.primaries ?? 0) primaries, \(held?.bindings ?? 0) bindings"
          ),
          Figure("fail-over: command's start to last primary swapped", ms(moved - began), "ms", atMost: 500),
          Figure("fail-over: whole command, with drain and stop", "\(ms(over.took).shown) ms"),
          Figure(
            "fail-back: command's start to in service, process start included",
            ms(serves - restarted),
            "ms",
            atMost: 1000
          ),
          Figure("fail-back: command's start to primaries even", "\(ms(even - restarted).shown) ms"),
          Figure("fail-back: whole command", "\(ms(back.took).shown) ms"),
        ]
      }
    }
  }

  /// Cold start of three servers that were killed with 100,000 bindings.
  func coldStart() async throws -> [Figure] {
    try await withPool { pool in
      try await withUsers(100_000, of: pool) { client in
        let timeline = try await FabricTimeline(pool.fabric)
        let known = try await timeline.wait(after: .now - .seconds(60)) { $0.live.count == 3 }
        let newest = timeline.view(at: known)?.live.values.map(\.record.instance).max() ?? 0
        for server in pool.servers { try await pool.takeAway(server.name) }
        // Leases of processes that were killed outlive them by the TTL; a machine that comes up has none.
        try await Task.sleep(for: .seconds(3))
        let began = ContinuousClock.now
        let start = try pool.spawn(["pool", "start", pool.poolFile])
        let led = try await timeline.wait(after: began) { $0.isLed(byInstancesAfter: newest) }
        let started = await start.end(within: .seconds(60))
        await timeline.close()
        let audit = await client.audit()
        return [
          Figure("cold start, 100,000 bindings: all groups led", ms(led - began), "ms", atMost: 5000),
          Figure("cold start: whole command", "\(ms(started.took).shown) ms"),
          Figure(
            "cold start: acknowledged bindings lost",
            Double(audit.acknowledged - audit.present),
            "",
            atMost: 0
          ),
        ]
      }
    }
  }

  private func ms(_ duration: Duration) -> Double { duration.inMilliseconds }

  // MARK: - The command line

  /// Wall time of two commands, the median of 21.
  func commands() async throws -> [Figure] {
    try await withPool { pool in
      let state = try Self.median(programs.quorate, ["fabric-state", pool.poolFile])
      let help = try Self.median(programs.quorate, ["--help"])
      return [
        Figure("quorate fabric-state, median of 21", state, "ms", atMost: 50),
        Figure("quorate --help, median of 21", help, "ms", atMost: 20),
      ]
    }
  }

  /// Blocks, since to ask whether a child has ended takes longer than what is measured.
  private static func median(_ program: String, _ arguments: [String]) throws -> Double {
    var times: [Double] = []
    for _ in 0..<21 {
      let began = ContinuousClock.now
      let child = try SpawnedCommand(program, arguments, logs: "/tmp", tag: "quorate-bench-\(getpid())")
      var status: Int32 = 0
      while waitpid(child.pid, &status, 0) < 0, errno == EINTR {}
      times.append((ContinuousClock.now - began).inMilliseconds)
      unlink(child.outputPath)
      unlink(child.errorsPath)
    }
    return times.sorted()[10]
  }
}
