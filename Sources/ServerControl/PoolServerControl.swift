public import PoolDriving
public import PoolFile
public import PoolModel

/// Starts and stops each server the way its entry in the pool file says.
public struct PoolServerControl: ServerControlling {
  private let file: PoolFile
  private let supervised: SupervisedServerControl
  private let commands: CommandServerControl

  /// A control for all servers of a pool.
  public init(_ file: PoolFile, program: String? = nil) throws(ServerControlError) {
    self.file = file
    supervised = try SupervisedServerControl(file, program: program)
    commands = CommandServerControl(file)
  }

  private func control(_ server: ServerName) throws(PoolDriverError) -> any ServerControlling {
    switch file.server(server)?.service {
    case .supervised: supervised
    case .commands: commands
    case nil: throw PoolDriverError(.unknownServer, "no server \(server) in \(file.path)")
    }
  }

  /// Starts a server's process.
  public func start(_ server: ServerName, deadline: ContinuousClock.Instant) async throws(PoolDriverError) {
    try await control(server).start(server, deadline: deadline)
  }

  /// Stops a server's process.
  public func stop(_ server: ServerName, deadline: ContinuousClock.Instant) async throws(PoolDriverError) {
    try await control(server).stop(server, deadline: deadline)
  }

  /// Whether a server's process runs.
  public func isRunning(_ server: ServerName) async throws(PoolDriverError) -> Bool {
    try await control(server).isRunning(server)
  }
}
