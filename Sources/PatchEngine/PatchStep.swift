public import PatchRun
public import PoolModel
public import TargetActs

/// What patching one server means: the commands of the pool file's `patch` section and their environment. A value; the
/// engine runs it.
public struct PatchStep: Sendable {
  /// One shell command (`/bin/sh -c`).
  public struct Command: Hashable, Sendable, Codable {
    /// The command line.
    public var line: String
    /// How long one try may take; then its whole process group is killed.
    public var timeout: Duration
    /// How often it is tried again after a failure.
    public var retries: Int
    /// The pause before the first new try; it doubles with each.
    public var backOff: Duration

    /// A command.
    public init(
      _ line: String,
      timeout: Duration = .seconds(600),
      retries: Int = 0,
      backOff: Duration = .seconds(1)
    ) {
      self.line = line
      self.timeout = timeout
      self.retries = retries
      self.backOff = backOff
    }
  }

  /// The version that servers are to have; `nil` when the pool file has no patch section.
  public var target: String?
  /// The commands there are. Without `.version` the running process is asked.
  public var commands: [CommandKind: Command]
  /// Exit codes of `apply` that mean: done, and a reboot is needed.
  public var rebootExitCodes: [Int32]
  /// Each server's directory, given as `QUORATE_SERVER_DIR` and used as working directory where it exists.
  public var directories: [ServerName: String]
  /// The machines of servers that are reached over ssh: what patches such a server runs there, hooks run here.
  public var hosts: [ServerName: SSHHost]
  /// Added to the environment of every command.
  public var environment: [String: String]
  /// The pool file, given as `QUORATE_POOL_FILE`.
  public var poolFile: String?
  /// Where each run's log (`<run>.log`) and the fences of servers of this machine are kept; `nil` for none.
  public var stateDirectory: String?
  /// The server that this very machine is, if it is one of the pool: it goes last, and a reboot of it is refused.
  public var ownServer: ServerName?

  /// A step; the pool file's reader fills it.
  public init(
    target: String? = nil,
    commands: [CommandKind: Command] = [:],
    rebootExitCodes: [Int32] = [194, 3010],
    directories: [ServerName: String] = [:],
    hosts: [ServerName: SSHHost] = [:],
    environment: [String: String] = [:],
    poolFile: String? = nil,
    stateDirectory: String? = nil,
    ownServer: ServerName? = nil
  ) {
    self.target = target
    self.commands = commands
    self.rebootExitCodes = rebootExitCodes
    self.directories = directories
    self.hosts = hosts
    self.environment = environment
    self.poolFile = poolFile
    self.stateDirectory = stateDirectory
    self.ownServer = ownServer
  }
}
