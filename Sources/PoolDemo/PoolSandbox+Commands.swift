import Glibc
import Synchronization

extension PoolSandbox {
  private static let commandNumber = Atomic<Int>(0)

  // MARK: - The command line

  /// Starts `quorate`, or another `program` of it, with these arguments and does not wait.
  public func spawn(
    _ arguments: [String],
    program: String? = nil,
    environment: [String: String] = [:]
  ) throws(DemoError) -> SpawnedCommand {
    let number = Self.commandNumber.add(1, ordering: .relaxed).newValue
    let verb = (arguments.first ?? "quorate").filter { $0.isLetter || $0 == "-" }
    return try SpawnedCommand(
      program ?? programs.quorate,
      arguments,
      logs: logs,
      tag: "\(number)-\(verb)",
      environment: environment
    )
  }

  /// Runs `quorate` with these arguments to its end.
  @discardableResult
  public func run(
    _ arguments: String...,
    within timeout: Duration = .seconds(60),
    environment: [String: String] = [:]
  ) async throws(DemoError) -> CommandResult {
    try await spawn(arguments, environment: environment).end(within: timeout)
  }

  /// Runs `quorate` and throws when it does not exit with 0.
  @discardableResult
  public func must(_ arguments: String..., within timeout: Duration = .seconds(60)) async throws(DemoError)
    -> CommandResult
  {
    let result = try await spawn(arguments).end(within: timeout)
    guard result.exitCode == 0 else { throw DemoError("a command failed:\n\(result.description)") }
    return result
  }

  // MARK: - The pool

  /// `quorate pool start`; returns when the fabric state is healthy.
  public func start(within timeout: Duration = .seconds(30)) async throws(DemoError) {
    try await must("pool", "start", poolFile, within: timeout)
    try await wait("the pool to be healthy", within: timeout) { $0.healthy }
  }

  /// The fabric state; `nil` when the command prints none.
  public func state() async throws(DemoError) -> SandboxState? {
    SandboxState(json: try await run("fabric-state", poolFile, "--json").output)
  }

  /// Waits until the fabric state is as wanted, and gives it.
  @discardableResult
  public func wait(
    _ what: String,
    within timeout: Duration = .seconds(30),
    until isTrue: (SandboxState) -> Bool
  ) async throws(DemoError) -> SandboxState {
    let deadline = ContinuousClock.now + timeout
    while true {
      let result = try await run("fabric-state", poolFile, "--json")
      if let state = SandboxState(json: result.output), isTrue(state) { return state }
      guard ContinuousClock.now < deadline, !Task.isCancelled else {
        throw DemoError("waited \(timeout) for \(what); the fabric state is\n\(result.description)")
      }
      await pause(.milliseconds(100))
    }
  }

  private func pause(_ duration: Duration) async { try? await Task.sleep(for: duration) }

  // MARK: - Processes

  /// The process of a server; `nil` when it has none.
  public func serverProcess(_ server: String) -> pid_t? { process("\(directory(of: server))/run/server.pid") }

  /// The keeper of a server.
  public func keeperProcess(_ server: String) -> pid_t? { process("\(directory(of: server))/run/keeper.pid") }

  /// The process that a pid file names, if it is one of this pool.
  private func process(_ path: String) -> pid_t? {
    guard let text = TextFile.read(path), let pid = pid_t(text.split(separator: "\n").first ?? ""), pid > 1,
      isOurs(pid)
    else { return nil }
    return pid
  }

  /// kill -9 of a server's process alone: its keeper starts it again.
  public func kill(_ server: String) {
    if let pid = serverProcess(server) { Glibc.kill(pid, SIGKILL) }
  }

  /// kill -9 of a server's keeper and then of the server: it is gone until somebody starts it.
  public func takeAway(_ server: String) async throws(DemoError) {
    let keeper = keeperProcess(server)
    let process = serverProcess(server)
    if let keeper { Glibc.kill(keeper, SIGKILL) }
    if let process { Glibc.kill(process, SIGKILL) }
    for pid in [keeper, process].compactMap(\.self) {
      for _ in 0..<200 where isOurs(pid) { await pause(.milliseconds(10)) }
      guard !isOurs(pid) else { throw DemoError("process \(pid) of \(server) lives after kill -9") }
    }
  }

  /// `quorate pool start --server`: brings one server back.
  public func bringBack(_ server: String) async throws(DemoError) {
    try await must("pool", "start", poolFile, "--server", server)
  }

  /// Every process that has this pool's directory in its command line.
  public func processes() -> [pid_t] {
    TextFile.list("/proc").compactMap { pid_t($0) }.filter { $0 != getpid() && isOurs($0) }
  }

  private func isOurs(_ pid: pid_t) -> Bool {
    guard let words = TextFile.read("/proc/\(pid)/cmdline"), words.contains(root) else { return false }
    // A zombie has no command line; one that is stopped has.
    return true
  }

  /// Stops the pool, kills what is left of it, and removes its directory.
  public func remove() async {
    _ = try? await spawn(["pool", "stop", poolFile]).end(within: .seconds(20))
    await removeByForce()
  }

  /// Kills all of the pool and removes its directory, without asking anybody.
  public func removeByForce() async {
    for _ in 0..<100 {
      let left = processes()
      if left.isEmpty { break }
      for pid in left { Glibc.kill(pid, SIGKILL) }
      await Task.detached { try? await Task.sleep(for: .milliseconds(20)) }.value
    }
    TextFile.remove(root)
  }
}
