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

  /// Shuts older acts out of a server's machine.
  public func fence(_ server: ServerName, act: ActIdentity, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  { try await control(server).fence(server, act: act, deadline: deadline) }

  /// Starts a server's process.
  @discardableResult public func start(
    _ server: ServerName,
    act: ActIdentity?,
    deadline: ContinuousClock.Instant
  )
    async throws(PoolDriverError) -> ServerStart
  { try await control(server).start(server, act: act, deadline: deadline) }

  /// Stops a server's process.
  public func stop(_ server: ServerName, act: ActIdentity?, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  { try await control(server).stop(server, act: act, deadline: deadline) }

  /// Whether a server's process runs.
  public func isRunning(_ server: ServerName) async throws(PoolDriverError) -> Bool {
    try await control(server).isRunning(server)
  }
}
