import Glibc
public import PoolDriving
public import PoolFile
public import PoolModel
import Subprocess

/// Starts and stops servers by the `service` commands of the pool file.
public struct CommandServerControl: ServerControlling {
  /// The pool.
  public let file: PoolFile

  /// A control for the servers of a pool that have commands.
  public init(_ file: PoolFile) { self.file = file }

  /// Runs `start`; it must exit 0 before the deadline.
  public func start(_ server: ServerName, deadline: ContinuousClock.Instant) async throws(PoolDriverError) {
    let commands = try commands(server)
    try await mustSucceed(commands.start, server, "start", deadline)
  }

  /// Runs `stop`; it must exit 0 before the deadline, and then the server must not run.
  public func stop(_ server: ServerName, deadline: ContinuousClock.Instant) async throws(PoolDriverError) {
    let commands = try commands(server)
    try await mustSucceed(commands.stop, server, "stop", deadline)
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

  /// Runs `status`; without one, tries to connect to the server's `http` address.
  public func isRunning(_ server: ServerName) async throws(PoolDriverError) -> Bool {
    let commands = try commands(server)
    if let status = commands.status {
      return try await run(status, server, "status", .now + .seconds(10)).code == 0
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

  private func mustSucceed(
    _ command: String,
    _ server: ServerName,
    _ what: String,
    _ deadline: ContinuousClock.Instant
  ) async throws(PoolDriverError) {
    let result = try await run(command, server, what, deadline)
    guard result.code == 0 else {
      throw PoolDriverError(
        .failed,
        "the \(what) command of server \(server) ended with \(result.code.map { "exit code \($0)" } ?? "a signal"): "
          + "\(command)\(result.output.isEmpty ? "" : "\n\(result.output)")"
      )
    }
  }

  /// Runs a shell command in a process group of its own, which is killed when the deadline passes.
  private func run(
    _ command: String,
    _ server: ServerName,
    _ what: String,
    _ deadline: ContinuousClock.Instant
  ) async throws(PoolDriverError) -> ShellCommand.Result {
    do {
      return try await ShellCommand(
        command: command,
        environment: [
          "QUORATE_POOL": file.pool.rawValue, "QUORATE_SERVER": server.rawValue,
          "QUORATE_SERVER_DIR": file.directory(of: server).path,
        ],
        directory: file.root
      ).run(until: deadline)
    } catch ShellCommand.Failure.timedOut {
      throw PoolDriverError(
        .timedOut,
        "the \(what) command of server \(server) took too long and was killed: \(command)"
      )
    } catch {
      throw PoolDriverError(.failed, "the \(what) command of server \(server) could not be run: \(error)")
    }
  }
}
