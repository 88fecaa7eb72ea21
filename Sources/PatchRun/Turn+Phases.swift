import PoolModel

extension Turn {
  /// The phases that a server of this run goes through, in order.
  var path: [ServerPhase] {
    switch state.plan.kind {
    case .patch:
      [
        .stage, .beforeServer, .gate, .failOver, .lastGate, .stop, .apply, .reboot, .start, .version, .verify,
        .failBack, .settle, .afterServer,
      ]
    case .failOver: [.gate, .failOver, .lastGate, .stop]
    case .failBack: [.start, .failBack]
    case .restart: [.gate, .failOver, .lastGate, .stop, .start, .failBack, .settle]
    case .recover: []
    }
  }

  /// The phases on the way back into service.
  static let wayBack: [ServerPhase] = [.stop, .rollback, .start, .version, .failBack, .settle]

  /// Whether a phase has anything to do for this server.
  private func applies(_ phase: ServerPhase, _ lane: RunState.Lane) -> Bool {
    switch phase {
    case .stage: settings.has(.stage)
    case .beforeServer: settings.has(.beforeServer)
    case .afterServer: settings.has(.afterServer)
    case .verify: settings.has(.verify)
    case .reboot: lane.rebootNeeded
    case .stop: lane.isReturning ? lane.rollback : !settings.noStop
    case .rollback: lane.rollback
    case .start: !settings.noStart
    case .lastGate: !settings.noStop
    default: true
    }
  }

  /// Sends a server on to its next phase, or ends its part.
  mutating func advance(_ server: ServerName) {
    guard let lane = state.lane(server), lane.isActive else { return }
    if state.aborting != nil, !lane.isReturning {
      abandonForward(lane)
      return
    }
    let path = lane.isReturning ? Self.wayBack : path
    let from = path.firstIndex(of: lane.phase).map { $0 + 1 } ?? 0
    guard let next = path[min(from, path.count)...].first(where: { applies($0, lane) }) else {
      complete(lane)
      return
    }
    enter(server, next)
  }

  /// An act ended after the run was given up: what is out is brought back, what is in stays in.
  private mutating func abandonForward(_ lane: RunState.Lane) {
    let why = state.aborting ?? "given up"
    switch lane.phase {
    case .waiting, .stage, .beforeServer, .gate: release(lane.server)
    case .failBack, .settle, .afterServer: complete(lane)
    default: turnBack(lane.server, why, rollback: false, through: .start)
    }
  }

  /// A server's part is over.
  private mutating func complete(_ lane: RunState.Lane) {
    if case .returning(let why) = lane.heading {
      record(.server(lane.server, .returned(why)))
      halt("\(lane.server): \(why)")
    } else {
      record(.server(lane.server, .done))
    }
    forgetWait(lane.server)
  }

  /// Begins a phase: writes down which act it is, and orders it.
  mutating func enter(_ server: ServerName, _ phase: ServerPhase, epoch: UInt64? = nil) {
    record(.entered(server, phase, sequence: nextSequence(), epoch: epoch))
    measure(server, phase)
    switch phase {
    case .gate: break
    case .lastGate: restartWait(server, patience: settings.lastGatePatience)
    case .settle: restartWait(server, patience: waitTime(for: .settle, server))
    default: break
    }
    if phase == .gate || phase == .lastGate || phase == .settle { state.volatile.poll = .zero }
    order(server)
  }

  /// Keeps how long servers are out.
  private mutating func measure(_ server: ServerName, _ phase: ServerPhase) {
    if phase == .failOver, state.volatile.outSince[server] == nil { state.volatile.outSince[server] = now }
    guard phase == .settle, let since = state.volatile.outSince.removeValue(forKey: server) else { return }
    state.volatile.longestOut = max(state.volatile.longestOut, now - since)
  }

  /// Orders the act that a server is at; also again, after a failure or a resume.
  mutating func order(_ server: ServerName) {
    guard let lane = state.lane(server) else { return }
    let sequence = lane.sequence
    switch lane.phase {
    case .waiting, .gate, .lastGate, .settle, .done: break
    case .stage: order(.stage, lane)
    case .beforeServer: order(.beforeServer, lane)
    case .apply: order(.apply, lane)
    case .reboot: order(.reboot, lane)
    case .rollback: order(.rollback, lane)
    case .verify: order(.verify, lane)
    case .afterServer: order(.afterServer, lane)
    case .failOver:
      direct(
        .failOver(
          server,
          sequence: sequence,
          epoch: lane.epoch,
          drain: settings.drainTime,
          within: left(server),
          forced: settings.force
        )
      )
    case .stop: direct(.stop(server, sequence: sequence, within: settings.actTime))
    case .start: direct(.start(server, sequence: sequence, within: startTime))
    case .version: direct(.readVersion(server, sequence: sequence, within: settings.actTime))
    case .failBack:
      direct(.failBack(server, sequence: sequence, even: evens, within: settings.waitTime))
    }
  }

  /// A manual fail-back evens out as it was asked to; a run does it once, at its end.
  private var evens: Bool { state.plan.kind == .failBack && settings.even }

  /// A manual fail-back gives the start all of its wait time; a run gives it no more than that.
  private var startTime: Duration {
    state.plan.kind == .failBack ? settings.waitTime : min(settings.actTime, settings.waitTime)
  }

  private mutating func order(_ kind: CommandKind, _ lane: RunState.Lane) {
    let within = settings.policy(kind)?.timeout ?? settings.actTime
    direct(.command(kind, lane.server, sequence: lane.sequence, attempt: lane.attempt, within: within))
  }
}
