public import FabricStore
public import Logging
public import PatchRun
public import PoolDriving
public import PoolModel

/// Runs what changes a pool: journaled in the fabric before it is done, fenced, gated, resumable. It performs the
/// directives of `RunMachine` and decides nothing itself.
///
/// Every function returns a report for what it journaled, also when the gates refused or the run paused: look at
/// `exitCode`. It throws when it could not begin, was fenced, or was cancelled.
public struct PatchEngine: Sendable {
  /// Receives news of a run, in order.
  public typealias Progress = @Sendable (RunEvent) -> Void

  let driver: any PoolDriving
  let store: any FabricStore
  let step: PatchStep
  let operatorName: String
  let poolArgument: String
  let prober: (any UserProbing)?
  let logger: Logger
  let leaseTime: Duration
  let serverLease: Duration
  /// The pool's server that a member of the store goes down with.
  let seedServer: @Sendable (StoreStatus.Member) -> ServerName?

  /// An engine for one pool.
  /// - Parameters:
  ///   - driver: acts on the pool.
  ///   - store: the pool's fabric, where runs are journaled.
  ///   - step: what patching a server means.
  ///   - operatorName: `user@host`, for the journal and the out-marks.
  ///   - poolArgument: how a command line names the pool, for the commands that reports tell; its name when `nil`.
  ///   - leaseTime: the time to live of the coordinator's lease, at least 1 s: how long a run waits for a dead one.
  ///   - serverLease: the time to live of the servers' own leases: quorum that is lost for less than two of them in the
  ///     middle of a run is waited for.
  ///   - prober: tells what users feel during patch runs; `nil` for nobody.
  ///   - seedServer: the pool's server whose host a member of the store runs on; `nil` for a member that stands apart.
  ///   - logger: for operators of this program; never part of a report.
  public init(
    driver: any PoolDriving,
    store: any FabricStore,
    step: PatchStep = PatchStep(),
    operator operatorName: String,
    poolArgument: String? = nil,
    leaseTime: Duration = .seconds(3),
    serverLease: Duration = .seconds(2),
    prober: (any UserProbing)? = nil,
    seedServer: @escaping @Sendable (StoreStatus.Member) -> ServerName? = { _ in nil },
    logger: Logger
  ) {
    self.driver = driver
    self.store = store
    self.step = step
    self.operatorName = operatorName
    self.poolArgument = poolArgument ?? driver.pool.rawValue
    self.leaseTime = leaseTime
    self.serverLease = serverLease
    self.prober = prober
    self.seedServer = seedServer
    self.logger = logger
  }

  /// Moves everything off a server, marks it out and stops it. On expiry of the wait time it is in service again.
  public func failOver(
    _ server: ServerName,
    _ options: FailOverOptions = FailOverOptions(),
    progress: @escaping Progress
  ) async throws(PatchEngineError) -> RunReport {
    var settings = settings(waitTime: options.waitTime, drainTime: options.drainTime, floor: options.floor)
    settings.force = options.force
    settings.noStop = options.noStop
    return try await operate(.failOver, [server], settings, whatIf: options.whatIf, progress: progress)
  }

  /// Starts a server that is out and returns it to service. On expiry of the wait time it stays out.
  public func failBack(
    _ server: ServerName,
    _ options: FailBackOptions = FailBackOptions(),
    progress: @escaping Progress
  ) async throws(PatchEngineError) -> RunReport {
    var settings = settings(waitTime: options.waitTime)
    settings.noStart = options.noStart
    settings.even = options.even
    return try await operate(.failBack, [server], settings, whatIf: options.whatIf, progress: progress)
  }

  /// Recovers from quorum loss; `RunReport.recovery` says what it did.
  public func recover(_ options: RecoverOptions = RecoverOptions(), progress: @escaping Progress)
    async throws(PatchEngineError) -> RunReport
  {
    var settings = settings(waitTime: options.waitTime)
    settings.recoverApproved = operatorName
    return try await operate(.recover, nil, settings, whatIf: options.whatIf, progress: progress)
  }

  /// Restarts servers one at a time, each through the gates.
  public func restartOneByOne(_ options: RestartOptions = RestartOptions(), progress: @escaping Progress)
    async throws(PatchEngineError) -> RunReport
  {
    var settings = settings(waitTime: options.waitTime, drainTime: options.drainTime, floor: options.floor)
    settings.force = options.force
    return try await operate(.restart, options.servers, settings, whatIf: options.whatIf, progress: progress)
  }

  /// Patches the pool, or goes on with the patch run that was left unfinished.
  public func patch(_ options: PatchOptions = PatchOptions(), progress: @escaping Progress)
    async throws(PatchEngineError) -> RunReport
  {
    if options.whatIf { return try await forecast(options) }
    if let report = try await resumeUnfinished(.patch, servers: nil, wait: true, options: options, progress) {
      return report
    }
    let history = await RunHistory.read(store)
    let plan = try await plan(options, in: try await observe(), history)
    return try await begin(plan, patchSettings(options, history), progress)
  }

  /// The plan that `patch` would make now, or the one given, checked against the pool. Only reads.
  public func plan(_ options: PatchOptions = PatchOptions()) async throws(PatchEngineError) -> PatchPlan {
    try await plan(options, in: try await observe(), await RunHistory.read(store))
  }

  /// The largest of the sets of `candidates` that may be out together now; all servers when `candidates` is nil.
  public func largestSafeSet(of candidates: [ServerName]? = nil) async throws(PatchEngineError)
    -> [ServerName]
  {
    let state = try await observe()
    return driver.largestSafeSet(of: candidates ?? state.servers.map(\.name), in: state)
  }
}
