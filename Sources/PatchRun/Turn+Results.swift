import PoolModel

extension Turn {
  mutating func succeeded(_ sequence: Int, _ result: ActResult) {
    switch state.stage {
    case .command(let kind, sequence): commandDone(kind)
    case .recovering(sequence): recoveryDone(result)
    case .evening(sequence):
      if case .moved(let count) = result { record(.evened(count)) }
      runAfter()
    default:
      guard let lane = lane(at: sequence) else { return }
      laneSucceeded(lane, result)
    }
  }

  /// The lane whose present act has that number; answers to acts of the past are nobody's.
  func lane(at sequence: Int) -> RunState.Lane? {
    state.lanes.first { $0.isActive && $0.sequence == sequence }
  }

  private mutating func commandDone(_ kind: CommandKind) {
    if kind == .beforeRun { record(.stage(.running)) } else { finishUp() }
  }

  private mutating func recoveryDone(_ result: ActResult) {
    if case .recovered(var summary) = result {
      summary.approvedBy = settings.recoverApproved ?? settings.by
      record(.recovered(summary))
    }
    if state.plan.kind == .recover {
      close(.finished)
    } else {
      record(.stage(.running))
      state.volatile.poll = .zero
    }
  }

  private mutating func laneSucceeded(_ lane: RunState.Lane, _ result: ActResult) {
    switch lane.phase {
    case .version:
      if case .version(let version) = result { versionRead(lane, version) }
    case .apply:
      if result == .rebootNeeded {
        guard settings.has(.reboot) else {
          turnBack(
            lane.server,
            "the patch asks for a reboot and the pool file has no reboot-command",
            rollback: settings.has(.rollback),
            through: .stop
          )
          return
        }
        record(.rebootNeeded(lane.server))
      }
      advance(lane.server)
    case .waiting, .gate, .lastGate, .settle, .done: break
    case .stage, .beforeServer, .failOver, .stop, .reboot, .rollback, .start, .verify, .failBack,
      .afterServer:
      advance(lane.server)
    }
  }

  /// Compares what runs with what should run.
  private mutating func versionRead(_ lane: RunState.Lane, _ version: String?) {
    let server = lane.server
    record(.versionRead(server, version))
    guard let target = state.plan.target, state.plan.kind == .patch else {
      advance(server)
      return
    }
    if version == target || (lane.isReturning && version != nil && version == lane.before) {
      advance(server)
      return
    }
    let runs = version.map { "it runs \($0)" } ?? "its version cannot be read"
    if lane.isReturning {
      quarantine(server, "\(runs), neither \(target) nor \(lane.before ?? "what it ran before")")
    } else if version != nil, version == lane.before {
      turnBack(server, "the patch had no effect: \(runs), not \(target)", rollback: false, through: .failBack)
    } else if settings.has(.rollback) {
      turnBack(server, "\(runs), not \(target)", rollback: true, through: .stop)
    } else {
      quarantine(server, "\(runs), not \(target)")
    }
  }

  /// The server is brought back as it was, from `phase` of the way back on.
  mutating func turnBack(_ server: ServerName, _ why: String, rollback: Bool, through phase: ServerPhase) {
    record(.turned(server, why: why, rollback: rollback))
    state.volatile.uncertain.remove(server)
    enter(server, rollback && phase == .stop ? .stop : phase == .stop ? .start : phase)
  }

  /// The server stays out until somebody looks at it. Within the budget the run goes on, if the gates still say go.
  mutating func quarantine(_ server: ServerName, _ why: String) {
    record(.server(server, .quarantined(why)))
    forgetWait(server)
    state.volatile.uncertain.remove(server)
    if state.aborting == nil, state.quarantined.count > settings.maxFailed {
      halt("\(server) stays out: \(why)")
    }
  }
}
