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
  let logger: Logger

  /// An engine for one pool.
  /// - Parameters:
  ///   - driver: acts on the pool.
  ///   - store: the pool's fabric, where runs are journaled.
  ///   - step: what patching a server means.
  ///   - operatorName: `user@host`, for the journal and the out-marks.
  ///   - logger: for operators of this program; never part of a report.
  public init(
    driver: any PoolDriving,
    store: any FabricStore,
    step: PatchStep = PatchStep(),
    operator operatorName: String,
    logger: Logger
  ) {
    self.driver = driver
    self.store = store
    self.step = step
    self.operatorName = operatorName
    self.logger = logger
  }

  /// Moves everything off a server, marks it out and stops it. On expiry of the wait time it is in service again.
  public func failOver(
    _ server: ServerName,
    _ options: FailOverOptions = FailOverOptions(),
    progress: Progress
  )
    async throws(PatchEngineError) -> RunReport
  {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// Starts a server that is out and returns it to service. On expiry of the wait time it stays out.
  public func failBack(
    _ server: ServerName,
    _ options: FailBackOptions = FailBackOptions(),
    progress: Progress
  )
    async throws(PatchEngineError) -> RunReport
  {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// Recovers from quorum loss; `RunReport.recovery` says what it did.
  public func recover(_ options: RecoverOptions = RecoverOptions(), progress: @escaping Progress)
    async throws(PatchEngineError) -> RunReport
  {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// Patches the pool, or goes on with the patch run that was left unfinished.
  public func patch(_ options: PatchOptions = PatchOptions(), progress: @escaping Progress)
    async throws(PatchEngineError) -> RunReport
  {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// The plan that `patch` would make now.
  public func plan(_ options: PatchOptions = PatchOptions()) async throws(PatchEngineError) -> PatchPlan {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// Restarts servers one at a time, each through the gates.
  public func restartOneByOne(_ options: RestartOptions = RestartOptions(), progress: @escaping Progress)
    async throws(PatchEngineError) -> RunReport
  {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// The largest of the sets of `candidates` that may be out together now; all servers when `candidates` is nil.
  public func largestSafeSet(of candidates: [ServerName]? = nil) async throws(PatchEngineError)
    -> [ServerName]
  {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// Every run that the fabric knows, the newest first.
  public func runs() async throws(PatchEngineError) -> [RunSummary] {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// A run's report, made from its journal; `nil` for the newest run.
  public func show(_ run: String? = nil) async throws(PatchEngineError) -> RunReport {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// Asks the live coordinator of the unfinished run to pause before its next server; when none lives, marks it paused.
  public func pause(reason: String) async throws(PatchEngineError) -> RunSummary {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// Goes on with the unfinished run, also when it is paused. Throws `.unknown` when there is none.
  public func resume(progress: @escaping Progress) async throws(PatchEngineError) -> RunReport {
    throw PatchEngineError(.invalid, "not built yet")
  }

  /// Gives the unfinished run up: asks its live coordinator, else takes over, brings back the servers it took out that
  /// verify, and lists the others as quarantined.
  public func abort(reason: String, progress: @escaping Progress) async throws(PatchEngineError) -> RunReport
  {
    throw PatchEngineError(.invalid, "not built yet")
  }
}
