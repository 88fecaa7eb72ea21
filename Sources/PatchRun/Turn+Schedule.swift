import PoolModel

extension Turn {
  mutating func begin() {
    guard state.stage == .planned else { return }
    if state.plan.kind == .recover {
      recover()
    } else if state.lanes.isEmpty {
      record(.stage(.running))
    } else if settings.has(.beforeRun) {
      runCommand(.beforeRun)
    } else {
      record(.stage(.running))
    }
  }

  /// Lets servers begin, and brings the run to its pause or end when nobody is at work.
  mutating func schedule() {
    guard state.stage == .running else { return }
    if state.halting == nil, state.aborting == nil { beginLanes() }
    guard !state.lanes.contains(where: \.isActive) else { return }
    conclude()
  }

  private mutating func beginLanes() {
    for server in state.currentBatch {
      guard state.halting == nil, let lane = state.lane(server), lane.outcome == .waiting else { continue }
      record(.server(server, .active))
      startWait(server)
      advance(server)
    }
  }

  /// Nobody is at work: pause, or go to the end.
  private mutating func conclude() {
    if let aborting = state.aborting {
      close(.abandoned(aborting))
    } else if let why = state.halting {
      // What was not begun leaves nothing to resume; only a patch run keeps its claim while it waits.
      if state.plan.kind == .patch, state.touched { pause(why) } else { close(.stopped(why)) }
    } else if state.touched, settings.evenAtEnd, state.plan.kind == .patch || state.plan.kind == .restart {
      even()
    } else {
      runAfter()
    }
  }

  mutating func pause(_ why: String) {
    if let probes = state.volatile.probes { record(.probed(probes)) }
    record(.stage(.paused(why)))
    direct(.finish)
  }

  /// The last step: counts once more when moves were counted at first, then ends.
  mutating func close(_ outcome: RunOutcome) {
    if let probes = state.volatile.probes { record(.probed(probes)) }
    record(.stage(.ended(outcome)))
    direct(.finish)
  }

  mutating func even() {
    let sequence = nextSequence()
    record(.stage(.evening(sequence: sequence)))
    direct(.even(sequence: sequence, within: settings.waitTime))
  }

  mutating func recover() {
    let sequence = nextSequence()
    record(.stage(.recovering(sequence: sequence)))
    direct(.recover(sequence: sequence, within: settings.waitTime))
  }

  mutating func runAfter() {
    if settings.has(.afterRun), state.touched, state.plan.kind == .patch {
      runCommand(.afterRun)
    } else {
      finishUp()
    }
  }

  /// Looks at the pool a last time to count moves, when there was anything to count.
  mutating func finishUp() {
    guard state.touched, state.generations != nil else {
      close(.finished)
      return
    }
    record(.stage(.counting))
    state.volatile.poll = .zero
  }

  mutating func runCommand(_ kind: CommandKind) {
    let sequence = nextSequence()
    let policy = settings.policy(kind)
    record(.stage(.command(kind, sequence: sequence)))
    direct(.command(kind, nil, sequence: sequence, attempt: 1, within: policy?.timeout ?? settings.actTime))
  }
}
