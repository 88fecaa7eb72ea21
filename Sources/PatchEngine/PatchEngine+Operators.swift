import FabricStore
import Glibc
public import PatchRun
import PoolDriving
import PoolModel

extension PatchEngine {
  /// Every run that the fabric knows, the newest first.
  public func runs() async throws(PatchEngineError) -> [RunSummary] {
    let entries: [Entry]
    do throws(FabricStoreError) { entries = try await store.readAll(RunKey.all).entries } catch {
      throw claiming.unreachable(error)
    }
    let live = entries.first { $0.key == RunKey.coordinator }
    let claim = try live.map { entry throws(PatchEngineError) in
      try JSON.decode(ClaimRecord.self, entry.value, entry.key)
    }
    var names: [String] = []
    for entry in entries {
      let parts = entry.key.split(separator: "/")
      guard parts.count >= 3, parts[2] == "record", names.last != String(parts[1]) else { continue }
      names.append(String(parts[1]))
    }
    var runs: [RunSummary] = []
    for name in names.reversed() {
      let report: RunReport
      do throws(PatchEngineError) { report = try await reader.report(name) } catch {
        // One journal that was damaged does not hide the others.
        guard error.code == .journal else { throw error }
        runs.append(unreadable(name, error, isLive: claim?.run == name, entries))
        continue
      }
      runs.append(
        RunSummary(
          run: name,
          kind: report.kind,
          by: report.by,
          began: report.began,
          outcome: report.outcome,
          isLive: claim?.run == name
        )
      )
    }
    return runs
  }

  /// A run whose journal cannot be read, as far as its first record tells.
  private func unreadable(_ name: String, _ error: PatchEngineError, isLive: Bool, _ entries: [Entry])
    -> RunSummary
  {
    let first = entries.first { $0.key == RunKey.record(name, 1) }
    let stored = first.flatMap { try? JSON.decode(StoredRecord.self, $0.value, name) }
    var (kind, by) = (RunKind.patch, "?")
    if case .planned(_, let plan, let settings)? = stored?.record { (kind, by) = (plan.kind, settings.by) }
    return RunSummary(
      run: name,
      kind: kind,
      by: by,
      began: stored?.at ?? PoolTime(milliseconds: 0),
      outcome: .stopped(error.message),
      isLive: isLive
    )
  }

  /// A run's report, made from its journal; `nil` for the newest run.
  public func show(_ run: String? = nil) async throws(PatchEngineError) -> RunReport {
    if let run { return try await reader.report(run) }
    guard let newest = try await runs().first else {
      throw PatchEngineError(.unknown, "the fabric of pool \(driver.pool) knows no run")
    }
    return try await reader.report(newest.run)
  }

  /// Asks the live coordinator of the unfinished run to pause before its next server; when none lives it stands already.
  public func pause(reason: String) async throws(PatchEngineError) -> RunSummary {
    switch try await claiming.state() {
    case .free: throw noRun()
    case .held(let claim): try await ask(RunRequest(kind: .pause, by: operatorName, reason: reason), claim)
    case .orphaned: break
    }
    guard let summary = try await runs().first(where: { $0.outcome == .running || !$0.outcome.isEnd }) else {
      throw noRun()
    }
    return summary
  }

  /// Goes on with the unfinished run, also when it is paused. Throws `.unknown` when there is none.
  public func resume(progress: @escaping Progress) async throws(PatchEngineError) -> RunReport {
    switch try await claimState(waiting: true, progress) {
    case .free: throw noRun()
    case .held(let claim): throw PatchEngineError(.claimed, "it is being worked on: \(claim.text)")
    case .orphaned(let claim, let revision):
      guard let report = try await goOn(claim, revision, .on(nil), progress) else { throw noRun() }
      return report
    }
  }

  /// Gives the unfinished run up: asks its live coordinator, else takes over, brings back the servers it took out that
  /// verify, and lists the others as quarantined.
  public func abort(reason: String, progress: @escaping Progress) async throws(PatchEngineError) -> RunReport
  {
    switch try await claimState(waiting: false, progress) {
    case .free: throw noRun()
    case .held(let claim):
      try await ask(RunRequest(kind: .abort, by: operatorName, reason: reason), claim)
      return try await follow(claim, reason, progress)
    case .orphaned(let claim, let revision):
      guard let report = try await goOn(claim, revision, .abort(reason: reason), progress) else {
        throw noRun()
      }
      return report
    }
  }

  /// Waits until the live coordinator has given the run up; takes over when it dies over it.
  private func follow(_ claim: ClaimRecord, _ reason: String, _ progress: @escaping Progress)
    async throws(PatchEngineError) -> RunReport
  {
    while true {
      do { try await Task.sleep(for: .milliseconds(100)) } catch {
        throw PatchEngineError(.cancelled, "the run was asked to give up; it goes on doing so")
      }
      switch try await claiming.state() {
      case .held(let now) where now.run == claim.run: continue
      case .orphaned(let now, let revision) where now.run == claim.run:
        guard let report = try await goOn(now, revision, .abort(reason: reason), progress) else {
          return try await reader.report(claim.run)
        }
        return report
      case .free, .held, .orphaned: return try await reader.report(claim.run)
      }
    }
  }

  /// How the claim stands; waits for the lease of a dead coordinator to run out where asked to.
  func claimState(waiting: Bool, _ progress: @escaping Progress) async throws(PatchEngineError) -> ClaimState
  {
    var state = try await claiming.state()
    guard waiting, case .held(let claim) = state else { return state }
    // On the same machine it is known at once whether the holder lives.
    if claim.host == Claiming.host, claim.pid != getpid(), kill(claim.pid, 0) == 0 { return state }
    let clock = try await poolClock()
    Emitter(run: claim.run, clock: clock, progress: progress)
      .tell(.run, "waiting for the lease of the last coordinator to run out: \(claim.text)")
    let end = BootClock.now + leaseTime + .seconds(2)
    while case .held = state, BootClock.now < end {
      do { try await Task.sleep(for: .milliseconds(50)) } catch {
        throw PatchEngineError(.cancelled, "interrupted")
      }
      state = try await claiming.state()
    }
    return state
  }

  private func ask(_ request: RunRequest, _ claim: ClaimRecord) async throws(PatchEngineError) {
    let value = try JSON.encode(request)
    do throws(FabricStoreError) {
      _ = try await store.commit(
        FabricTransaction(when: [.present(RunKey.claim)], then: [.put(RunKey.request(claim.run), value)])
      )
    } catch { throw claiming.unreachable(error) }
  }

  private func noRun() -> PatchEngineError {
    PatchEngineError(.unknown, "pool \(driver.pool) has no unfinished run")
  }
}
