public import PoolModel

/// Starts and stops the processes of a pool's servers. Adapters: servers supervised by `quorate pool start`, commands of
/// the pool file, on this machine or over ssh.
///
/// Every call with an act goes through a fence on the server's own machine: an act of a lower generation than the highest
/// that acted there is refused with `.fenced`, and what an older act still does there is ended first. What belongs to no
/// run (`act` is `nil`) waits for the acts of runs and is never fenced.
public protocol ServerControlling: Sendable {
  /// Shuts acts of lower generations out of the server's machine and ends what they still do there. Throws `.refused` when a
  /// stop of theirs was half done: it is completed, and the server does not run.
  func fence(_ server: ServerName, act: ActIdentity, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)

  /// Starts a server's process; nothing happens to one that runs already. Returns when it was started, not when it serves.
  @discardableResult func start(_ server: ServerName, act: ActIdentity?, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError) -> ServerStart

  /// Stops a server's process gracefully and, when `deadline` nears, by force; returns when it is gone.
  func stop(_ server: ServerName, act: ActIdentity?, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)

  /// Whether its process runs.
  func isRunning(_ server: ServerName) async throws(PoolDriverError) -> Bool
}

/// What a start found.
public enum ServerStart: Hashable, Sendable {
  /// It did not run, and was started.
  case started
  /// It ran already.
  case ranAlready
}
