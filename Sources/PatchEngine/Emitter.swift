import PatchRun
import PoolModel
import Synchronization

/// Tells news in order, whichever task they come from.
final class Emitter: Sendable {
  private let run: String
  private let clock: PoolClock
  private let progress: PatchEngine.Progress
  /// Where each server is, so that a driver's progress can name the phase.
  private let turn = Mutex<Void>(())

  init(run: String, clock: PoolClock, progress: @escaping PatchEngine.Progress) {
    self.run = run
    self.clock = clock
    self.progress = progress
  }

  func tell(
    _ kind: RunEvent.Kind,
    server: ServerName? = nil,
    phase: ServerPhase? = nil,
    _ message: String,
    done: Int? = nil,
    total: Int? = nil,
    objections: [Objection] = [],
    outcome: ServerOutcome? = nil,
    plan: PatchPlan? = nil
  ) {
    let event = RunEvent(
      at: clock.now,
      run: run,
      kind: kind,
      server: server,
      phase: phase,
      message: message,
      done: done,
      total: total,
      objections: objections,
      outcome: outcome,
      plan: plan
    )
    turn.withLock { _ in progress(event) }
  }

  /// News that a record holds.
  func tell(_ record: JournalRecord) {
    switch record {
    case .planned(_, let plan, _): tell(.began, "\(plan.kind.rawValue) of pool \(plan.pool)", plan: plan)
    case .coordinator, .waited, .counted, .probed, .amended: break
    case .stage(let stage): tell(stage)
    case .entered(let server, let phase, _, _): tell(.phase, server: server, phase: phase, phase.words)
    case .retried(let server, _, let attempt, let why):
      tell(.progress, server: server, "try \(attempt): \(why)")
    case .forced(let server, let reason, let objections):
      tell(.warning, server: server, "forced (\(reason)) over: \(objections.joined(separator: "; "))")
    case .warned(let server, let what): tell(.warning, server: server, what)
    case .versionRead(let server, let version):
      tell(.progress, server: server, phase: .version, "runs \(version ?? "an unknown version")")
    case .drained(let server, let clients): tell(.progress, server: server, "\(clients)")
    case .rebootNeeded(let server): tell(.progress, server: server, "needs a reboot")
    case .turned(let server, let why, _): tell(.warning, server: server, "is brought back as it was: \(why)")
    case .server(let server, let outcome):
      guard outcome != .active, outcome != .waiting else { return }
      tell(
        .server,
        server: server,
        outcome.why.map { "\(outcome.word): \($0)" } ?? outcome.word,
        outcome: outcome
      )
    case .halting(let why): tell(.run, "no further server is begun: \(why)")
    case .aborting(let by, let reason): tell(.run, "given up by \(by): \(reason)")
    case .resumed(let by): tell(.run, "resumed by \(by)")
    case .evened(let count): tell(.run, "\(count) primaries moved to even out")
    case .recovered(let summary):
      tell(.run, "recovered \(summary.groups.count) groups, \(summary.bindingsRecovered) bindings")
    }
  }

  private func tell(_ stage: RunStage) {
    switch stage {
    case .planned, .running, .counting: break
    case .command(let kind, _): tell(.run, "running the \(kind.rawValue) hook")
    case .recovering: tell(.run, "recovering from quorum loss")
    case .evening: tell(.run, "evening primaries out")
    case .paused(let why): tell(.ended, "paused: \(why)")
    case .ended(let outcome): tell(.ended, outcome.word)
    }
  }

  /// News that is no record.
  func tell(_ notice: Notice) {
    switch notice {
    case .waiting(let server, let phase, let objections, let waited, let left):
      let first = objections.first?.sentence ?? ""
      let more = objections.count > 1 ? " (and \(objections.count - 1) more)" : ""
      tell(
        .waiting,
        server: server,
        phase: phase,
        "waiting since \(waited.text), \(left.text) left: \(first)\(more)",
        objections: objections
      )
    case .soaking(let server, let left):
      tell(.progress, server: server, phase: .settle, "whole; \(left.text) to go")
    }
  }
}
