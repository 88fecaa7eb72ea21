extension PoolFile {
  /// The `patch` section: what patching one server means.
  public struct Patch: Hashable, Sendable {
    /// `target`: the version a server has when it is patched.
    public var target: String
    /// `version`: how a server's version is read.
    public var version: VersionSource
    /// `apply`: the shell command that patches one server while it is out and stopped.
    public var apply: String
    /// `timeout`: of `apply`, `stage`, `verify` and `rollback`, each.
    public var timeout: Duration
    /// `retries`: how often a failed `apply` is tried again.
    public var retries: Int
    /// `reboot`: whether the patch may restart the machine.
    public var reboot: Reboot
    /// `reboot-exit-codes`: exit codes of `apply` that mean: done, and a reboot is needed.
    public var rebootExitCodes: [Int32]
    /// `reboot-command`: restarts the server's machine.
    public var rebootCommand: String?
    /// `boot-id-command`: prints the boot id of the server's machine, which proves a reboot by its change.
    public var bootIDCommand: String?
    /// `windows`: when servers may be taken out; empty for at any time.
    public var windows: [String]
    /// `server-time`: how long one server may be out; `nil` to take it from earlier runs.
    public var serverTime: Duration?
    /// `max-gap`: the longest that a user may be cut off before the run pauses; `nil` for any.
    public var maxGap: Duration?
    /// `probe-interval`: the pause between two requests of a synthetic user.
    public var probeInterval: Duration
    /// `stage`: runs while the server still serves, for example a download.
    public var stage: String?
    /// `verify`: exits 0 when the patched server is good.
    public var verify: String?
    /// `rollback`: puts the version back that was there before.
    public var rollback: String?
    /// `hooks`.
    public var hooks: Hooks
    /// `environment`: added to the environment of every command of this section.
    public var environment: [String: String]

    /// A section as described; the defaults are the pool file's own.
    public init(
      target: String,
      version: VersionSource = .running,
      apply: String,
      timeout: Duration = .seconds(600),
      retries: Int = 0,
      reboot: Reboot = .never,
      rebootExitCodes: [Int32] = [194, 3010],
      rebootCommand: String? = nil,
      bootIDCommand: String? = nil,
      windows: [String] = [],
      serverTime: Duration? = nil,
      maxGap: Duration? = nil,
      probeInterval: Duration = .milliseconds(500),
      stage: String? = nil,
      verify: String? = nil,
      rollback: String? = nil,
      hooks: Hooks = Hooks(),
      environment: [String: String] = [:]
    ) {
      self.target = target
      self.version = version
      self.apply = apply
      self.timeout = timeout
      self.retries = retries
      self.reboot = reboot
      self.rebootExitCodes = rebootExitCodes
      self.rebootCommand = rebootCommand
      self.bootIDCommand = bootIDCommand
      self.windows = windows
      self.serverTime = serverTime
      self.maxGap = maxGap
      self.probeInterval = probeInterval
      self.stage = stage
      self.verify = verify
      self.rollback = rollback
      self.hooks = hooks
      self.environment = environment
    }
  }

  /// How a server's version is read.
  public enum VersionSource: Hashable, Sendable {
    /// The running process says it.
    case running
    /// A shell command prints it on its first line.
    case command(String)
  }

  /// Whether a patch may restart the machine.
  public enum Reboot: String, Hashable, Sendable, CaseIterable {
    /// A patch that asks for a reboot has failed.
    case never
    /// It may.
    case allowed
  }

  /// Shell commands around the servers of a run and the run itself.
  public struct Hooks: Hashable, Sendable {
    /// `before-run`.
    public var beforeRun: String?
    /// `after-run`.
    public var afterRun: String?
    /// `before-server`: before a server is taken out.
    public var beforeServer: String?
    /// `after-server`: after it is back in service.
    public var afterServer: String?

    /// Hooks, none by default.
    public init(
      beforeRun: String? = nil,
      afterRun: String? = nil,
      beforeServer: String? = nil,
      afterServer: String? = nil
    ) {
      self.beforeRun = beforeRun
      self.afterRun = afterRun
      self.beforeServer = beforeServer
      self.afterServer = afterServer
    }
  }
}
