public import PoolModel

/// Starts and stops the processes of a pool's servers. Adapters: servers supervised by `quorate pool start`, commands of
/// the pool file, later ssh and systemd.
public protocol ServerControlling: Sendable {
  /// Starts a server's process; no error when it runs already. Returns when it was started, not when it serves.
  func start(_ server: ServerName, deadline: ContinuousClock.Instant) async throws(PoolDriverError)

  /// Stops a server's process gracefully and, when `deadline` nears, by force; returns when it is gone.
  func stop(_ server: ServerName, deadline: ContinuousClock.Instant) async throws(PoolDriverError)

  /// Whether its process runs.
  func isRunning(_ server: ServerName) async throws(PoolDriverError) -> Bool
}
