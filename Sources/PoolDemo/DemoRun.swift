import FoundationEssentials
import Glibc
import PatchRun
import SIPClient

/// `quorate demo`: a pool of real processes, thousands of registered users at work, one patch run from release to
/// release, and an audit of every binding. Writes to standard output, as the command it is.
public struct DemoRun: Sendable {
  private let options: DemoOptions

  /// A demo that has not begun.
  public init(_ options: DemoOptions = DemoOptions()) { self.options = options }

  /// Runs it to its end and gives the exit code: 0, or 1 when anything was lost or failed, 69 when it could not be set
  /// up, 130 after Ctrl-C. Leaves nothing behind, except with `keep`.
  public func run() async -> Int32 {
    Interruption.watch()
    let began = ContinuousClock.now
    let sandbox: PoolSandbox
    do {
      let programs = try PoolSandbox.Programs.besideRunning()
      var layout = PoolSandbox.Layout()
      layout.servers = options.servers
      sandbox = try await PoolSandbox.make(layout, programs: programs)
    } catch {
      complain("\(error)")
      return 69
    }
    let code = await withTaskGroup(of: Int32?.self) { group in
      group.addTask { await perform(in: sandbox, began: began) }
      group.addTask {
        await Interruption.wait()
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      await group.waitForAll()
      return first ?? 130
    }
    if code == 130 { complain("interrupted; stopping the pool") }
    if options.keep, code != 130 {
      say(hints(sandbox))
    } else {
      await sandbox.remove()
      say("Stopped, and removed \(sandbox.root).")
    }
    return code
  }

  private func perform(in sandbox: PoolSandbox, began: ContinuousClock.Instant) async -> Int32 {
    do {
      return try await act(in: sandbox, began: began)
    } catch {
      if Interruption.isAsked { return 130 }
      complain("\(error)")
      for server in sandbox.servers {
        if let log = TextFile.read("\(sandbox.directory(of: server.name))/log/server.log"), !log.isEmpty {
          complain("the end of the log of \(server.name):\n\(log.suffix(1500))")
        }
      }
      return error is DemoError ? 69 : 1
    }
  }

  private func act(in sandbox: PoolSandbox, began: ContinuousClock.Instant) async throws -> Int32 {
    func elapsed() -> String { "\((ContinuousClock.now - began).inTenths) s" }
    say("A pool of \(options.servers) Front End servers, release \(sandbox.version), in \(sandbox.root)")
    for server in sandbox.servers { say("  \(server.name)  sip:127.0.0.1:\(server.sip)") }
    try await sandbox.start()
    say("\(elapsed()): every routing group has its three replicas. \(options.users) users register.")

    let client = try await PoolClient.start(
      ClientConfiguration(
        servers: sandbox.endpoints,
        domain: sandbox.layout.domain,
        users: options.users,
        seed: UInt64.random(in: 1...0xffff_ffff)
      )
    )
    let report: DemoReport
    do {
      report = try await patch(sandbox, client, elapsed: elapsed)
    } catch {
      await client.close()
      throw error
    }
    await client.close()
    if options.json { write(report.json + "\n") } else { say("\n" + report.text) }
    say("The demo took \(elapsed()).")
    return report.isGood ? 0 : 1
  }

  private func patch(_ sandbox: PoolSandbox, _ client: PoolClient, elapsed: () -> String) async throws
    -> DemoReport
  {
    let began = ContinuousClock.now
    let registered = await withTaskCancellationHandler {
      await client.register()
    } onCancel: {
      Task { await client.close() }
    }
    try Task.checkCancellation()
    guard registered == options.users else {
      let statistics = await client.statistics()
      throw DemoError(
        "only \(registered) of \(options.users) users could register: \(statistics.registers.failures), "
          + "\(statistics.strayDatagrams) datagrams not understood"
      )
    }
    let workload = workload(registrationTook: ContinuousClock.now - began)
    client.begin(workload)
    say(
      "\(elapsed()): all are registered; from now on each refreshes every \(workload.refreshEvery.inTenths) s, and they send "
        + "\(Int(workload.messagesPerSecond)) MESSAGEs a second to each other."
    )
    try await Task.sleep(for: .seconds(1))
    _ = await client.statistics(reset: true)

    say("\(elapsed()): quorate patch \(sandbox.poolFile)   (\(sandbox.version) to \(sandbox.nextVersion))")
    let child = try sandbox.spawn(["patch", sandbox.poolFile, "--json"])
    let relay = Task { await follow(child.errorsPath) }
    let result = await child.end(within: .seconds(300))
    relay.cancel()
    await relay.value
    try Task.checkCancellation()
    // Until everybody has refreshed once more: what users meet right after the run counts too.
    try await Task.sleep(for: workload.refreshEvery)
    await client.quiet()
    let statistics = await client.statistics()
    say("\(elapsed()): every user's binding is asked for and compared with what was acknowledged.")
    let audit = await client.audit()
    try Task.checkCancellation()
    return DemoReport(
      users: options.users,
      patch: result,
      run: try? JSONDecoder().decode(RunReport.self, from: Data(result.output.utf8)),
      statistics: statistics,
      audit: audit,
      state: try await sandbox.state()
    )
  }

  /// What the options ask for; less on a machine that is too busy for it: a quarter of the rate at which it just
  /// registered the users. A pool that drowns in requests shows nothing about patching.
  private func workload(registrationTook took: Duration) -> Workload {
    let slowest = took * 4
    guard slowest > options.refreshEvery else {
      return Workload(refreshEvery: options.refreshEvery, messagesPerSecond: options.messagesPerSecond)
    }
    let share = options.refreshEvery / slowest
    return Workload(refreshEvery: slowest, messagesPerSecond: max(1, options.messagesPerSecond * share))
  }

  /// Shows what the patch run says while it runs.
  private func follow(_ path: String) async {
    var shown = 0
    while true {
      let isLast = Task.isCancelled
      if let text = TextFile.read(path, from: shown), let end = text.utf8.lastIndex(of: 0x0A) {
        let whole = text[...end]
        shown += whole.utf8.count
        for line in whole.split(separator: "\n") { say("    \(line)") }
      }
      if isLast { return }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  private func hints(_ sandbox: PoolSandbox) -> String {
    let quorate = sandbox.programs.quorate
    let pool = sandbox.poolFile
    let first = sandbox.servers.first?.name ?? "fe1"
    return """

      The pool runs on. Things to try:
        \(quorate) fabric-state \(pool)
        \(quorate) failover \(first) --pool \(pool)
        \(quorate) failback \(first) --pool \(pool)
        kill -9 $(cat \(sandbox.directory(of: first))/run/server.pid); \(quorate) fabric-state \(pool) --watch
        \(quorate) patch \(pool) --what-if
      When you are done:
        \(quorate) pool stop \(pool) && rm -r \(sandbox.root)
      """
  }

  // MARK: - Output

  /// A line of the story; on standard error when standard output is to be JSON alone.
  private func say(_ line: String) { write(line + "\n", to: options.json ? 2 : 1) }
  private func complain(_ line: String) { write("quorate demo: \(line)\n", to: 2) }

  private func write(_ text: String, to descriptor: Int32 = 1) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}

extension Duration {
  /// Seconds with one decimal.
  fileprivate var inTenths: Double {
    let (seconds, attoseconds) = components
    return (Double(seconds) + Double(attoseconds) * 1e-18).rounded(to: 1)
  }
}
