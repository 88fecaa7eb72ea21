import PoolModel

extension Turn {
  mutating func failed(_ sequence: Int, _ failure: ActFailure) {
    if failure.kind == .fenced {
      standDown()
      return
    }
    switch state.stage {
    case .command(let kind, sequence): runCommandFailed(kind, sequence, failure)
    case .recovering(sequence): recoveryFailed(sequence, failure)
    case .evening(sequence):
      if tryAgain(nil, sequence, failure) { return }
      record(.warned(nil, "primaries were not evened out: \(failure.message)"))
      runAfter()
    default:
      guard let lane = lane(at: sequence) else { return }
      laneFailed(lane, failure)
    }
  }

  private mutating func runCommandFailed(_ kind: CommandKind, _ sequence: Int, _ failure: ActFailure) {
    if tryAgain(nil, sequence, failure, policy: settings.policy(kind)) { return }
    record(.warned(nil, "\(kind.rawValue): \(failure.message)"))
    if kind == .beforeRun {
      close(.stopped("the hook before the run failed: \(failure.message)"))
    } else {
      finishUp()
    }
  }

  private mutating func recoveryFailed(_ sequence: Int, _ failure: ActFailure) {
    if tryAgain(nil, sequence, failure) { return }
    let why = "the recovery failed: \(failure.message)"
    for lane in state.lanes where lane.isActive && !lane.phase.isOut { release(lane.server) }
    if state.plan.kind == .recover || !state.touched {
      close(.stopped(why))
    } else {
      halt(why)
      record(.stage(.running))
    }
  }

  /// Tries an act again when that makes sense and tries are left. Returns whether it does.
  private mutating func tryAgain(
    _ server: ServerName?,
    _ sequence: Int,
    _ failure: ActFailure,
    policy: CommandPolicy? = nil
  ) -> Bool {
    guard failure.kind == .unreachable || failure.kind == .failed else { return false }
    let attempt = server.flatMap { state.lane($0)?.attempt } ?? state.attempt
    let most = policy.map { $0.retries + 1 } ?? settings.tries
    guard attempt < most else { return false }
    record(.retried(server, sequence: sequence, attempt: attempt + 1, why: failure.message))
    let first = policy?.backOff ?? settings.backOff
    direct(.timer(sequence: sequence, after: min(first * (1 << min(attempt - 1, 10)), .seconds(60))))
    return true
  }

  /// A timer went off: the act it stands for is ordered again.
  mutating func reissue(_ sequence: Int) {
    switch state.stage {
    case .command(let kind, sequence):
      let within = settings.policy(kind)?.timeout ?? settings.actTime
      direct(.command(kind, nil, sequence: sequence, attempt: state.attempt, within: within))
    case .recovering(sequence): direct(.recover(sequence: sequence, within: settings.waitTime))
    case .evening(sequence): direct(.even(sequence: sequence, within: settings.waitTime))
    default:
      guard let lane = lane(at: sequence) else { return }
      order(lane.server)
    }
  }

  private mutating func laneFailed(_ lane: RunState.Lane, _ failure: ActFailure) {
    let server = lane.server
    let policy = commandKind(of: lane.phase).flatMap { settings.policy($0) }
    if lane.phase == .failOver {
      failOverFailed(lane, failure)
      return
    }
    if tryAgain(server, lane.sequence, failure, policy: policy) { return }
    let why = "\(lane.phase.words): \(failure.message)"
    if lane.isReturning {
      returnFailed(lane, why)
      return
    }
    switch lane.phase {
    case .stage, .beforeServer:
      release(server)
      halt("\(server): \(why)")
    case .stop: stopFailed(server, why)
    case .apply, .reboot: turnBack(server, why, rollback: settings.has(.rollback), through: .stop)
    case .start, .verify, .version:
      if state.plan.kind == .patch, settings.has(.rollback) {
        turnBack(server, why, rollback: true, through: .stop)
      } else {
        quarantine(server, why)
      }
    case .failBack: quarantine(server, why)
    case .afterServer:
      record(.warned(server, why))
      record(.server(server, .done))
      halt("\(server): \(why)")
    case .waiting, .gate, .failOver, .lastGate, .settle, .rollback, .done: break
    }
  }

  private mutating func stopFailed(_ server: ServerName, _ why: String) {
    // It is out and may still run: back into service with it, nothing was changed on it.
    turnBack(server, why, rollback: false, through: .start)
  }

  private mutating func returnFailed(_ lane: RunState.Lane, _ why: String) {
    let first = if case .returning(let first) = lane.heading { first } else { "" }
    quarantine(lane.server, "\(first); then \(why)")
  }

  private mutating func failOverFailed(_ lane: RunState.Lane, _ failure: ActFailure) {
    let server = lane.server
    switch failure.kind {
    case .epochChanged: gateAgain(server, failure)
    case .refused:
      changeWait(server) { $0.refusals += 1 }
      guard (state.volatile.wait(server)?.refusals ?? 0) <= 5 else {
        release(server)
        halt("\(server): \(failure.message)")
        return
      }
      gateAgain(server, failure)
    case .timedOut:
      // The driver has taken the mark back: it serves again.
      record(.warned(server, failure.message))
      release(server)
      halt("\(server) was not moved off in time and is in service again: \(failure.message)")
    case .unreachable, .failed:
      if tryAgain(server, lane.sequence, failure) { return }
      turnBack(server, "it could not be failed over: \(failure.message)", rollback: false, through: .start)
    case .hopeless:
      turnBack(server, "it could not be failed over: \(failure.message)", rollback: false, through: .start)
    case .fenced: standDown()
    }
  }

  private mutating func gateAgain(_ server: ServerName, _ failure: ActFailure) {
    record(.warned(server, "asked again: \(failure.message)"))
    enter(server, .gate)
  }

  private func commandKind(of phase: ServerPhase) -> CommandKind? {
    switch phase {
    case .stage: .stage
    case .beforeServer: .beforeServer
    case .apply: .apply
    case .reboot: .reboot
    case .rollback: .rollback
    case .verify: .verify
    case .afterServer: .afterServer
    default: nil
    }
  }

  /// The pool could not be read: waits like any gate, and gives up like one.
  mutating func unobserved(_ failure: ActFailure) {
    if failure.kind == .fenced {
      standDown()
      return
    }
    if state.stage == .counting {
      close(.finished)
      return
    }
    let objection = Objection(.snapshotFresh, .wait, .unreadable(failure.message))
    for lane in state.lanes where lane.isActive {
      if state.volatile.uncertain.contains(lane.server),
        now >= (state.volatile.wait(lane.server)?.deadline ?? now)
      {
        pause("\(lane.server): \(objection.sentence)")
        return
      }
      switch lane.phase {
      case .gate, .lastGate, .settle: unreadable(lane, objection)
      default: break
      }
    }
  }

  private mutating func unreadable(_ lane: RunState.Lane, _ objection: Objection) {
    note(lane.server, [objection])
    guard let wait = state.volatile.wait(lane.server), now >= wait.deadline else { return }
    switch lane.phase {
    case .gate: release(lane.server)
    case .lastGate:
      turnBack(lane.server, "not stopped: \(objection.sentence)", rollback: false, through: .start)
    default: record(.server(lane.server, lane.isReturning ? .returned(objection.sentence) : .done))
    }
    halt("\(lane.server): \(objection.sentence)")
  }
}
