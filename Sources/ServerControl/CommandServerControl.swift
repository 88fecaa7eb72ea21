import Glibc
public import PoolDriving
public import PoolFile
public import PoolModel

/// Starts and stops servers by the `service` commands of the pool file.
public struct CommandServerControl: ServerControlling {
  /// The pool.
  public let file: PoolFile

  /// A control for the servers of a pool that have commands.
  public init(_ file: PoolFile) { self.file = file }

  /// Runs `start`, unless `status` says that the server runs; it must exit 0 before the deadline.
  @discardableResult public func start(
    _ server: ServerName,
    act: ActIdentity?,
    deadline: ContinuousClock.Instant
  )
    async throws(PoolDriverError) -> ServerStart
  {
    let commands = try commands(server)
    var line = commands.start
    if let status = commands.status {
      let ranAlready = KeeperScript.ranAlready
      line = "if ( \(status)\n) >/dev/null 2>&1; then echo '\(ranAlready)'; exit 0; fi\n\(commands.start)"
    } else if try await isRunning(server) {
      // A start of what runs may do anything; the fence is passed all the same.
      line = "echo '\(KeeperScript.ranAlready)'"
    }
    let output = try await mustSucceed(line, commands.start, server, "start", act, deadline)
    return output.hasSuffix(KeeperScript.ranAlready) ? .ranAlready : .started
  }

  /// Runs `stop`; it must exit 0 before the deadline, and then the server must not run.
  public func stop(_ server: ServerName, act: ActIdentity?, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    let commands = try commands(server)
    _ = try await mustSucceed(commands.stop, commands.stop, server, "stop", act, deadline)
    while try await isRunning(server) {
      guard ContinuousClock.now < deadline else {
        throw PoolDriverError(
          .timedOut,
          "server \(server) still runs after its stop command '\(commands.stop)'"
        )
      }
      try await pause(.milliseconds(100))
    }
  }

  /// Shuts older acts out.
  public func fence(_ server: ServerName, act: ActIdentity, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    _ = try await mustSucceed(":", "fence", server, "fence", act, deadline)
  }

  /// Runs `status`; without one, tries to connect to the server's `http` address.
  public func isRunning(_ server: ServerName) async throws(PoolDriverError) -> Bool {
    let commands = try commands(server)
    if let status = commands.status {
      let outcome = try await ServerMachine(file: file).run(
        status,
        on: server,
        .nobodys,
        what: "status command",
        deadline: .now + .seconds(10)
      )
      return outcome.succeeded
    }
    guard let http = file.server(server)?.http else { return false }
    return Connection.isAccepted(host: http.host, port: http.port)
  }

  private func commands(_ server: ServerName) throws(PoolDriverError)
    -> (start: String, stop: String, status: String?)
  {
    guard let described = file.server(server) else {
      throw PoolDriverError(.unknownServer, "no server \(server) in \(file.path)")
    }
    guard case .commands(let start, let stop, let status) = described.service else {
      throw PoolDriverError(.unsupported, "server \(server) has no 'service' commands in \(file.path)")
    }
    return (start, stop, status)
  }

  /// Runs a command through the server's fence; answers the end of what it printed.
  private func mustSucceed(
    _ line: String,
    _ command: String,
    _ server: ServerName,
    _ what: String,
    _ act: ActIdentity?,
    _ deadline: ContinuousClock.Instant
  ) async throws(PoolDriverError) -> String {
    let outcome = try await ServerMachine(file: file).run(
      line,
      on: server,
      .act(act),
      what: "\(what) command",
      deadline: deadline
    )
    guard outcome.succeeded else {
      throw PoolDriverError(
        .failed,
        "the \(what) command of server \(server) \(outcome.how): \(command)"
          + (outcome.output.isEmpty ? "" : "\n\(outcome.output)")
      )
    }
    return outcome.output
  }
}
