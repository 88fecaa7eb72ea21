/// What `quorate demo` shows.
public struct DemoOptions: Sendable {
  /// Users that register.
  public var users = 3_000
  /// Front End servers.
  public var servers = 3
  /// How often each user refreshes.
  public var refreshEvery: Duration = .seconds(3)
  /// MESSAGEs a second over all users.
  public var messagesPerSecond = 150.0
  /// Leaves the pool running and tells what to try.
  public var keep = false
  /// Prints the report as JSON and nothing else on standard output.
  public var json = false

  /// The defaults of the command.
  public init() {}
}
