import PoolModel

extension Turn {
  /// The gates say no.
  mutating func refuse(_ server: ServerName, _ blockers: [Objection]) {
    let isLoss = blockers.contains { if case .quorumLoss = $0.reason { true } else { false } }
    if isLoss, settings.recoverApproved != nil, !state.recovered {
      note(server, blockers)
      recover()
      return
    }
    release(server)
    let others = state.lanes.contains { $0.isActive }
    if !state.touched, !others {
      close(.refused(blockers))
    } else {
      halt("\(server) was not taken out: \(Self.sentences(blockers))")
    }
  }

  /// After a resume: whether a fail-over that may or may not have begun did begin. It did when the server carries our mark;
  /// then the same act is ordered again, which completes it. If not, the gate's yes is too old: ask again.
  mutating func resolve(_ lane: RunState.Lane, _ observation: Observation) {
    let server = lane.server
    state.volatile.uncertain.remove(server)
    let mark = observation.state.server(server)?.service.mark
    if mark?.act?.run == state.run {
      state.change(server) { $0.epoch = observation.state.epoch }
      order(server)
    } else {
      enter(server, .gate)
    }
  }

  /// Goes on with a run that was read back.
  mutating func resume(by coordinator: Coordinator, _ settings: RunSettings?) {
    guard !state.isEnded else { return }
    state.volatile = RunState.Volatile()
    record(.coordinator(coordinator))
    if let settings, settings != state.settings { record(.amended(settings)) }
    if case .paused = state.stage { unpause(by: coordinator) }
    switch state.stage {
    case .planned: begin()
    case .command(_, let sequence), .evening(let sequence): reissue(sequence)
    case .recovering(let sequence):
      reissue(sequence)
      // Servers of the same batch may have been at an act of their own when another one's gate asked for the recovery.
      resumeLanes()
    case .running: resumeLanes()
    case .counting, .paused, .ended: break
    }
    schedule()
    look()
  }

  private mutating func unpause(by coordinator: Coordinator) {
    record(.resumed(by: coordinator.by))
    record(.stage(.running))
    for lane in state.lanes {
      switch lane.outcome {
      // What was brought back unpatched is patched from the start; the scheduler begins it.
      case .returned: record(.server(lane.server, .waiting))
      // What is out already is judged again and then patched where it stands.
      case .quarantined:
        record(.server(lane.server, .active))
        startWait(lane.server)
        let isPatched = lane.after != nil && lane.after == state.plan.target
        enter(lane.server, isPatched ? .start : .lastGate)
      case .waiting, .active, .skipped, .done: break
      }
    }
  }

  private mutating func resumeLanes() {
    for lane in state.lanes where lane.isActive {
      if state.volatile.wait(lane.server) != nil { continue }
      switch lane.phase {
      case .settle: restartWait(lane.server, patience: waitTime(for: .settle, lane.server))
      case .lastGate: restartWait(lane.server, patience: settings.lastGatePatience)
      default: startWait(lane.server)
      }
      switch lane.phase {
      // It was let begin and its first phase was not written down yet.
      case .waiting: advance(lane.server)
      case .failOver: state.volatile.uncertain.insert(lane.server)
      case .gate, .lastGate, .settle, .done: break
      // It may not have been stopped yet, and the gate that let it was judged by a coordinator that is gone.
      case .stop where !lane.isReturning: enter(lane.server, .lastGate)
      default:
        record(.retried(lane.server, sequence: lane.sequence, attempt: lane.attempt, why: "resumed"))
        order(lane.server)
      }
    }
  }
}
