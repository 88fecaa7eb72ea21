import FabricStore
import PatchRun
import PoolDriving
import PoolModel

extension PatchEngine {
  var claiming: Claiming { Claiming(store: store, operatorName: operatorName, leaseTime: leaseTime) }
  var reader: JournalReader { JournalReader(store: store) }

  /// Any run but a patch: what-if, or go on with the same act left unfinished, or begin.
  func operate(
    _ kind: RunKind,
    _ servers: [ServerName]?,
    _ settings: RunSettings,
    whatIf: Bool,
    progress: @escaping Progress
  ) async throws(PatchEngineError) -> RunReport {
    let planner = PatchPlanner(
      kind: kind,
      servers: kind == .recover ? [] : servers,
      ownServer: step.ownServer,
      floor: settings.gates.floor
    )
    if whatIf {
      let state = try await observe()
      return forecast(try make(planner, state), settings, state)
    }
    if let report = try await resumeUnfinished(kind, servers: servers, wait: false, progress) {
      return report
    }
    return try await begin(try make(planner, try await observe()), settings, progress)
  }

  /// Begins a run: claims the pool, journals the plan, carries it through.
  func begin(_ plan: PatchPlan, _ settings: RunSettings, _ progress: @escaping Progress)
    async throws(PatchEngineError) -> RunReport
  {
    let clock = try await poolClock()
    let run = Self.identifier(clock.now)
    let (state, opening) = RunMachine.begin(run: run, plan: plan, settings: settings)
    var hold = try await claiming.take(
      run: run,
      kind: plan.kind,
      servers: plan.kind == .patch ? [] : plan.servers,
      clock: clock
    )
    let emitter = Emitter(run: run, clock: clock, progress: progress)
    let keeper = hold.keeper
    let opened = opening.records + [.coordinator(hold.claim.coordinator)]
    try await hold.journal.append(opened) { keeper.holds }
    for record in opened { emitter.tell(record) }
    let (next, first) = RunMachine.step(state, .started, at: BootClock.now)
    return try await carry(next, first, hold, emitter)
  }

  /// Goes on with an unfinished run of that kind, if there is one that nobody lives for; `nil` when the pool is free.
  /// - Parameters:
  ///   - servers: for manual acts, the servers asked for: another one's act is not gone on with.
  ///   - wait: whether to wait a dead coordinator's lease out.
  ///   - options: what a patch was asked for now: an unfinished run with another plan or target is not gone on with.
  func resumeUnfinished(
    _ kind: RunKind,
    servers: [ServerName]?,
    wait: Bool,
    options: PatchOptions? = nil,
    _ progress: @escaping Progress
  ) async throws(PatchEngineError) -> RunReport? {
    switch try await claimState(waiting: wait, progress) {
    case .free: return nil
    case .held(let claim):
      throw PatchEngineError(.claimed, "the pool is taken: \(claim.text)")
    case .orphaned(let claim, let revision):
      let isSame =
        claim.kind == kind && (kind == .patch || kind == .recover || claim.servers == (servers ?? []))
      if isSame, let options { try await check(options, against: claim) }
      if isSame || (kind == .restart && claim.kind == .restart && servers == nil) {
        return try await goOn(claim, revision, .on(options), progress)
      }
      if claim.kind == .patch || claim.kind == .restart {
        throw PatchEngineError(
          .claimed,
          "the pool is taken by an unfinished run: \(claim.text)"
            + (claim.paused.map { ", paused: \($0)" } ?? "") + ". Go on with it: quorate runs resume "
            + "\(driver.pool). Give it up: quorate runs abort \(driver.pool)"
        )
      }
      // An act by hand whose process died: what it left is judged by the gates of what comes now.
      _ = try await goOn(claim, revision, .end("left by its process; followed by another command"), progress)
      return nil
    }
  }

  /// What to do with a run that is taken over.
  enum Going {
    /// Go on, with what was asked for now where that says more.
    case on(PatchOptions?)
    case abort(reason: String)
    case end(String)
  }

  /// An unfinished run is gone on with only as what it is.
  private func check(_ options: PatchOptions, against claim: ClaimRecord) async throws(PatchEngineError) {
    let entries = try await reader.entries(claim.run).entries
    guard case .planned(_, let plan, _)? = entries.first?.record else { return }
    let asked = options.target ?? options.plan?.target ?? step.target
    var difference: String?
    if let file = options.plan, file != plan { difference = "another plan" }
    if asked != plan.target { difference = "target \(plan.target ?? "none"), not \(asked ?? "none")" }
    guard let difference else { return }
    throw PatchEngineError(
      .claimed,
      "run \(claim.run) is unfinished and has \(difference). Go on with it as it is: quorate runs resume "
        + "\(driver.pool). Give it up: quorate runs abort \(driver.pool)"
    )
  }

  /// Takes an orphaned run over and carries it on; `nil` when it turned out to be over.
  func goOn(_ claim: ClaimRecord, _ revision: Revision, _ going: Going, _ progress: @escaping Progress)
    async throws(PatchEngineError) -> RunReport?
  {
    let (entries, chain) = try await reader.entries(claim.run)
    var state: RunState?
    do throws(JournalFault) {
      if !entries.isEmpty { state = try RunMachine.replay(entries.map(\.record)) }
    } catch { throw PatchEngineError(.journal, "run \(claim.run), \(error)") }
    let clock = try await poolClock()
    var hold = try await claiming.takeOver(
      claim,
      revision: revision,
      count: entries.count,
      chain: chain,
      clock: clock
    )
    // A claim without a plan, or with an ended journal, was left between two transactions: nothing is open.
    guard let state, !state.isEnded else {
      try await claiming.release(hold, paused: nil, report: nil)
      return nil
    }
    let emitter = Emitter(run: claim.run, clock: clock, progress: progress)
    if case .end(let why) = going {
      let keeper = hold.keeper
      let records: [JournalRecord] = [
        .coordinator(hold.claim.coordinator), .stage(.ended(.abandoned(why))),
      ]
      try await hold.journal.append(records) { keeper.holds }
      try await claiming.release(hold, paused: nil, report: nil)
      return nil
    }
    emitter.tell(.began, "going on with \(claim.kind.rawValue) run \(claim.run)", plan: state.plan)
    var settings: RunSettings?
    if case .on(let options) = going { settings = amended(state.settings, options) }
    var (next, first) = RunMachine.resume(
      state,
      by: hold.claim.coordinator,
      settings: settings,
      at: BootClock.now
    )
    if case .abort(let reason) = going {
      let event = MachineEvent.abortAsked(by: operatorName, reason: reason)
      let (aborted, more) = RunMachine.step(next, event, at: BootClock.now)
      next = aborted
      first.records += more.records
      first.directives += more.directives
      first.notices += more.notices
    }
    return try await carry(next, first, hold, emitter)
  }

  private func carry(_ state: RunState, _ first: Step, _ hold: Hold, _ emitter: Emitter)
    async throws(PatchEngineError) -> RunReport
  {
    var hold = hold
    let clock = hold.journal.clock
    var before: [ServerName: String] = [:]
    for entry in state.plan.entries { before[entry.server] = entry.version }
    let performer = Performer(
      driver: driver,
      commands: CommandRunner(
        step: step,
        pool: driver.pool,
        target: state.plan.target,
        before: before,
        log: RunLog(directory: step.stateDirectory, run: state.run)
      ),
      run: state.run,
      operatorName: operatorName,
      kind: state.plan.kind,
      keeper: hold.keeper,
      clock: clock,
      emitter: emitter,
      seeds: SeedWatch(store: store, server: seedServer),
      windows: try MaintenanceWindows(state.settings.windows),
      meter: ProbeMeter(clock: clock)
    )
    let runner = Runner(
      performer: performer,
      emitter: emitter,
      prober: state.plan.kind == .patch && state.settings.unwatched == nil ? prober : nil,
      logger: logger
    )
    do throws(PatchEngineError) {
      let last = try await runner.run(state, first: first, hold: &hold)
      let report = try await reader.report(state.run)
      var paused: String?
      if case .paused(let why) = last.stage { paused = why }
      try await claiming.release(hold, paused: paused, report: report)
      return report
    } catch {
      // Whoever goes on need not wait for this lease; the claim stays.
      if error.code == .cancelled { await letGo(hold) }
      throw error
    }
  }

  /// Ends this coordinator's lease although its task was cancelled.
  private func letGo(_ hold: Hold) async {
    let store = store
    await Task.detached { try? await store.revoke(hold.keeper.grant.id) }.value
  }

  func poolClock() async throws(PatchEngineError) -> PoolClock {
    do throws(FabricStoreError) {
      return PoolClock(base: PoolTime(milliseconds: try await store.now().milliseconds))
    } catch { throw claiming.unreachable(error) }
  }

  /// A run's identifier: its start, so that identifiers sort by time, and four digits against a tie.
  static func identifier(_ now: PoolTime) -> String {
    let digits = String(UInt16.random(in: .min ... .max), radix: 16)
    return now.compact + "-" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
