import PoolModel

/// One transition in the making: the state as it becomes, and what goes out. Records are folded in as they are made, so
/// the state can never know more than the journal does.
struct Turn {
  var state: RunState
  let now: Instant
  var step = Step()

  init(state: RunState, now: Instant) {
    self.state = state
    self.now = now
  }

  var settings: RunSettings { state.settings }

  mutating func record(_ record: JournalRecord) {
    state.apply(record)
    step.records.append(record)
  }

  mutating func direct(_ directive: Directive) { step.directives.append(directive) }

  mutating func take(_ event: MachineEvent) {
    guard !state.volatile.stoodDown, !state.isEnded else { return }
    if case .paused = state.stage { return }
    switch event {
    case .started: begin()
    case .observed(let observation):
      state.volatile.observing = false
      observed(observation)
    case .unobserved(let failure):
      state.volatile.observing = false
      unobserved(failure)
    case .succeeded(let sequence, let result): succeeded(sequence, result)
    case .failed(let sequence, let failure): failed(sequence, failure)
    case .timer(let sequence): reissue(sequence)
    case .pauseAsked(let by, let reason): halt("paused by \(by): \(reason)")
    case .abortAsked(let by, let reason): abort(by: by, reason: reason)
    case .leaseLost: standDown()
    }
    guard !state.volatile.stoodDown else { return }
    schedule()
    look()
  }

  /// Another coordinator acts, or may: nothing more is written or done by this one.
  mutating func standDown() {
    state.volatile.stoodDown = true
    step = Step(records: [], directives: [.standDown], notices: [])
  }

  mutating func nextSequence() -> Int { state.sequence + 1 }

  /// Orders a reading when somebody needs one and none is under way.
  mutating func look() {
    guard !state.volatile.observing, needsReading else { return }
    state.volatile.observing = true
    direct(.observe(after: state.volatile.poll))
    // 50 ms at first, a second at most: a gate that says go at once costs no wait.
    let next = state.volatile.poll == .zero ? .milliseconds(50) : state.volatile.poll * 2
    state.volatile.poll = min(next, .seconds(1))
  }

  private var needsReading: Bool {
    switch state.stage {
    case .counting: true
    case .running:
      state.lanes.contains { lane in
        guard lane.isActive else { return false }
        switch lane.phase {
        case .gate, .lastGate, .settle: return true
        default: return state.volatile.uncertain.contains(lane.server)
        }
      }
    case .planned, .command, .recovering, .evening, .paused, .ended: false
    }
  }

  /// No new server begins; those at work go on to their end. What they then meet is one more reason, and is kept.
  mutating func halt(_ why: String) {
    guard !state.haltReasons.contains(why) else { return }
    record(.halting(why))
  }

  mutating func abort(by: String, reason: String) {
    guard state.aborting == nil else { return }
    record(.aborting(by: by, reason: reason))
    for lane in state.lanes where !lane.isOver || state.quarantined.contains(lane.server) { giveUp(lane) }
  }

  /// Turns one lane back for an abort, where that can be done at once; a lane with an act under way is turned when
  /// the act ends.
  mutating func giveUp(_ lane: RunState.Lane) {
    let why = state.aborting ?? "given up"
    if case .quarantined = lane.outcome {
      record(.server(lane.server, .active))
      turnBack(lane.server, why, rollback: false, through: .start)
      return
    }
    guard lane.isActive else { return }
    switch lane.phase {
    case .gate: release(lane.server)
    case .lastGate: turnBack(lane.server, why, rollback: false, through: .start)
    default: break
    }
  }

  /// Puts an untouched server back in line.
  mutating func release(_ server: ServerName) {
    record(.server(server, .waiting))
    forgetWait(server)
  }
}
