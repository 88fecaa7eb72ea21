import FabricStore
import Foundation
import PatchRun
import PoolDriving
import PoolModel

extension PatchEngine {
  /// The pool as it is now.
  func observe() async throws(PatchEngineError) -> FabricState {
    do throws(PoolDriverError) { return try await driver.fabricState() } catch {
      throw PatchEngineError(.unreachable, "the pool \(driver.pool) cannot be read: \(error.message)")
    }
  }

  func plan(_ options: PatchOptions, in state: FabricState, _ history: RunHistory)
    async throws(PatchEngineError) -> PatchPlan
  {
    let settings = patchSettings(options, history)
    try await check(settings)
    if let plan = options.plan {
      try check(plan, against: state)
      return plan
    }
    let planner = PatchPlanner(
      kind: .patch,
      servers: options.servers,
      target: options.target ?? step.target,
      ownServer: step.ownServer,
      floor: options.floor,
      batches: options.batch == .auto,
      versions: try await versions(options.servers ?? state.servers.map(\.name))
    )
    var plan = try make(planner, state)
    plan.predicted = history.predict(plan, settings)
    return plan
  }

  /// What can be known of the windows before anything is done: that they are windows, and that a server fits in one.
  private func check(_ settings: RunSettings) async throws(PatchEngineError) {
    let windows = try MaintenanceWindows(settings.windows)
    guard !settings.windows.isEmpty else { return }
    let now = Date(timeIntervalSince1970: Double(try await poolClock().now.milliseconds) / 1_000)
    guard let longest = windows.state(at: now)?.longest, longest < settings.serverTime else { return }
    throw PatchEngineError(
      .noWindow,
      Objection.Reason.noWindowFor(settings.serverTime, longest: longest)
        + "; give a longer window, or the time that a server really takes"
    )
  }

  func make(_ planner: PatchPlanner, _ state: FabricState) throws(PatchEngineError) -> PatchPlan {
    do throws(PatchPlanner.Fault) { return try planner.plan(for: state) } catch {
      if case .unknownServer = error { throw PatchEngineError(.unknown, error.description) }
      throw PatchEngineError(.invalid, error.description)
    }
  }

  /// A plan from a file is executed only on the pool it was made for, as that pool was.
  private func check(_ plan: PatchPlan, against state: FabricState) throws(PatchEngineError) {
    guard plan.format == 1 else {
      throw PatchEngineError(.invalid, "the plan has format \(plan.format); this release reads format 1")
    }
    guard plan.pool == state.pool else {
      throw PatchEngineError(.invalid, "the plan is of pool \(plan.pool), this is pool \(state.pool)")
    }
    guard plan.fingerprint == PatchPlanner.fingerprint(of: state) else {
      throw PatchEngineError(
        .planStale,
        "the pool has changed since the plan was made (\(plan.madeAt.text)): make a new one"
      )
    }
    for server in state.servers {
      guard let entry = plan.entry(server.name), entry.version != server.version,
        server.version != plan.target
      else { continue }
      throw PatchEngineError(
        .planStale,
        "\(server.name) runs \(server.version ?? "an unknown version"), the plan says "
          + "\(entry.version ?? "unknown"): make a new one"
      )
    }
  }

  /// Versions that the `version` command tells; empty without one: then the fabric state's count.
  private func versions(_ servers: [ServerName]) async throws(PatchEngineError) -> [ServerName: String] {
    guard step.commands[.version] != nil else { return [:] }
    let commands = CommandRunner(
      step: step,
      pool: driver.pool,
      target: step.target,
      before: [:],
      log: RunLog(directory: nil, run: "")
    )
    var versions: [ServerName: String] = [:]
    for server in servers {
      do throws(PoolDriverError) {
        let identity = ActIdentity(run: "plan", sequence: 0, generation: 0)
        versions[server] = try await commands.version(of: server, identity: identity, within: .seconds(60))
      } catch {
        throw PatchEngineError(error.code == .unreachable ? .unreachable : .badCommand, error.message)
      }
    }
    return versions
  }

  /// Settings with what every run shares.
  func settings(waitTime: Duration, drainTime: Duration = .seconds(30), floor: Floor = .quorate)
    -> RunSettings
  {
    let commands = CommandKind.allCases.compactMap { kind in
      step.commands[kind].map {
        CommandEntry(kind, CommandPolicy(timeout: $0.timeout, retries: $0.retries, backOff: $0.backOff))
      }
    }
    let gates = GateSettings(
      floor: floor,
      lossGrace: serverLease * 2,
      recoveryCommand: "quorate reset \(poolArgument) --type quorum-loss-recovery"
    )
    var settings = RunSettings(
      by: operatorName,
      waitTime: waitTime,
      drainTime: drainTime,
      commands: commands,
      gates: gates
    )
    settings.poolArgument = poolArgument
    return settings
  }

  func patchSettings(_ options: PatchOptions, _ history: RunHistory) -> RunSettings {
    var settings = settings(
      waitTime: options.waitTime,
      drainTime: options.drainTime,
      floor: options.plan?.floor ?? options.floor
    )
    settings.recoverApproved = options.recoverApproved
    settings.maxFailed = options.maxFailed
    settings.soak = options.soak
    settings.canary = options.canary
    settings.canarySoak = options.canarySoak
    settings.windows = options.windows
    settings.serverTime = options.serverTime ?? history.serverTime ?? settings.serverTime
    settings.maxGap = options.maxGap
    settings.unwatched = options.unwatched
    settings.gates.capacity = options.capacity
    return settings
  }

  /// How an unfinished run is gone on with: as it was, with the commands as the pool file has them now, and with what was
  /// asked for now where that is not the default. Nothing that made it safer is dropped.
  func amended(_ settings: RunSettings, _ options: PatchOptions?) -> RunSettings {
    var amended = settings
    amended.commands = self.settings(waitTime: settings.waitTime).commands
    guard let options else { return amended }
    let usual = PatchOptions()
    if options.waitTime != usual.waitTime { amended.waitTime = options.waitTime }
    if options.drainTime != usual.drainTime { amended.drainTime = options.drainTime }
    if options.floor != usual.floor { amended.gates.floor = options.floor }
    if options.maxFailed != usual.maxFailed { amended.maxFailed = options.maxFailed }
    if options.soak != usual.soak { amended.soak = options.soak }
    amended.serverTime = options.serverTime ?? settings.serverTime
    if !options.windows.isEmpty { amended.windows = options.windows }
    amended.recoverApproved = options.recoverApproved ?? settings.recoverApproved
    amended.maxGap = options.maxGap ?? settings.maxGap
    amended.unwatched = options.unwatched
    amended.gates.capacity = options.capacity ?? settings.gates.capacity
    return amended
  }

  /// What a recovery would do.
  private func recoveryForecast(_ state: FabricState) -> [String] {
    let lost = state.groupsInQuorumLoss
    guard !lost.isEmpty else { return ["no group is in quorum loss: nothing would be done"] }
    let down = state.servers.filter { !$0.isUp }.map(\.name)
    let names = down.map(\.rawValue).joined(separator: ", ")
    let replicas = state.groups.filter { lost.contains($0.id) }
      .reduce(0) { $0 + $1.replicas.count { down.contains($0.server) } }
    return [
      "\(lost.count) groups would be rebuilt from the fabric store: "
        + lost.map(\.description).joined(separator: ", "),
      "\(replicas) replicas on \(names.isEmpty ? "no server" : names) would be declared lost",
    ]
  }

  /// What `patch` would do: only reads.
  func forecast(_ options: PatchOptions) async throws(PatchEngineError) -> RunReport {
    let state = try await observe()
    let history = await RunHistory.read(store)
    return forecast(try await plan(options, in: state, history), patchSettings(options, history), state)
  }

  /// A what-if report: the plan, and what the gates say of each server now.
  func forecast(_ plan: PatchPlan, _ settings: RunSettings, _ state: FabricState) -> RunReport {
    var report = RunReport(run: "what-if", plan: plan, by: operatorName, began: state.takenAt)
    report.outcome = .whatIf
    report.ended = state.takenAt
    report.exitCode = .done
    if plan.kind == .recover { report.remarks += recoveryForecast(state) }
    guard plan.kind != .failBack else { return report }
    report.gates = plan.servers.map { server in
      let objections = PatchSafety.objections(
        toStopping: server,
        in: state,
        at: state.takenAt,
        settings: settings.gates
      )
      return GateForecast(server: server, verdict: Verdict(objections))
    }
    let refuses = report.gates.contains { if case .fail = $0.verdict { true } else { false } }
    if refuses, settings.force == nil { report.exitCode = .refused }
    return report
  }
}
