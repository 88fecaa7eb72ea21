import PoolModel

extension RunState {
  /// Folds one record in. Total: a record that fits nothing changes nothing but the count (`RunMachine.replay` is who
  /// refuses it).
  mutating func apply(_ record: JournalRecord) {
    records += 1
    switch record {
    case .planned, .coordinator, .waited, .forced, .evened, .probed: break
    case .warned(let server, _): if server == nil { flawed = true }
    case .stage(let stage): enter(stage)
    case .entered(let server, let phase, let sequence, let epoch):
      self.sequence = max(self.sequence, sequence)
      if phase.isOut { touched = true }
      change(server) { lane in
        lane.phase = phase
        lane.sequence = sequence
        lane.attempt = 1
        if let epoch { lane.epoch = epoch }
        if phase == .rollback { lane.rollback = false }
        if phase == .reboot { lane.rebootNeeded = false }
      }
    case .retried(let server, _, let attempt, _):
      if let server { change(server) { $0.attempt = attempt } } else { self.attempt = attempt }
    case .versionRead(let server, let version):
      // Read at the gate it is what the server ran before: it was down when the plan was made.
      change(server) { lane in if lane.phase == .gate { lane.before = version } else { lane.after = version }
      }
    case .drained(let server, let clients): change(server) { $0.clients = clients }
    case .rebootNeeded(let server): change(server) { $0.rebootNeeded = true }
    case .turned(let server, let why, let rollback):
      change(server) { lane in
        lane.heading = .returning(why)
        lane.rollback = rollback
      }
    case .server(let server, let outcome): settle(server, outcome)
    case .halting(let why): if !haltReasons.contains(why) { haltReasons.append(why) }
    case .aborting(let by, let reason): aborting = "given up by \(by): \(reason)"
    case .resumed: haltReasons = []
    case .amended(let settings): self.settings = settings
    case .counted(let sum): if generations == nil { generations = sum }
    case .recovered:
      recovered = true
      // A recovery raises generations too; moves are counted from the next reading on.
      generations = nil
    }
  }

  private mutating func enter(_ stage: RunStage) {
    self.stage = stage
    attempt = 1
    switch stage {
    case .command(_, let sequence), .recovering(let sequence), .evening(let sequence):
      self.sequence = max(self.sequence, sequence)
    case .planned, .running, .counting, .paused, .ended: break
    }
  }

  private mutating func settle(_ server: ServerName, _ outcome: ServerOutcome) {
    change(server) { lane in
      lane.outcome = outcome
      switch outcome {
      case .waiting:
        lane.phase = .waiting
        lane.heading = .forward
        lane.rollback = false
        lane.rebootNeeded = false
      case .active: lane.heading = .forward
      case .skipped, .done, .returned: lane.phase = .done
      // A quarantined server keeps the phase it failed in: that is where to look.
      case .quarantined: break
      }
    }
  }
}
