import PoolModel

extension Turn {
  mutating func observed(_ observation: Observation) {
    state.volatile.probes = observation.probes ?? state.volatile.probes
    if state.generations == nil, state.stage != .counting { count(observation) }
    watchUsers()
    if state.stage == .counting {
      let sum = Self.generations(observation.state)
      record(.counted(generations: sum))
      close(.finished)
      return
    }
    guard state.stage == .running else { return }
    for lane in state.lanes where lane.isActive {
      guard state.stage == .running else { return }
      if state.volatile.uncertain.contains(lane.server) {
        resolve(lane, observation)
        continue
      }
      switch lane.phase {
      case .gate:
        // One yes for one reading: the next server is judged by a reading that knows of this one.
        if gate(lane, observation) { return }
      case .lastGate: lastGate(lane, observation)
      case .settle: settle(lane, observation)
      default: break
      }
    }
  }

  /// A user who was cut off for too long stops the run where it stands, not only before the next server.
  private mutating func watchUsers() {
    guard let probes = state.volatile.probes, let limit = settings.maxGap, probes.longestGap > limit,
      state.stage == .running, !state.volatile.saidGap
    else { return }
    state.volatile.saidGap = true
    let place = [probes.group?.description, probes.server.map { "at \($0)" }].compactMap { $0 }
    let reason = Objection.Reason.gapTooLong(gap: probes.longestGap, limit: limit)
    halt(reason.sentence + (place.isEmpty ? "" : " (\(place.joined(separator: " ")))"))
  }

  private mutating func count(_ observation: Observation) {
    record(.counted(generations: Self.generations(observation.state)))
  }

  /// The sum of all generations: each move of a primary raises it by one.
  static func generations(_ state: FabricState) -> UInt64 {
    state.groups.reduce(0) { $0 &+ $1.generation }
  }

  /// The first gate. Returns whether it let the server go out.
  private mutating func gate(_ lane: RunState.Lane, _ observation: Observation) -> Bool {
    let server = lane.server
    if state.halting != nil {
      release(server)
      return false
    }
    var objections = PatchSafety.objections(
      toStopping: server,
      in: observation.state,
      at: observation.judgedAt,
      settings: settings.gates,
      seeds: observation.seeds
    )
    objections += surroundings(observation)
    switch judge(server, objections, observation) {
    case .go(let warnings):
      if isPatchedAlready(lane, observation) { return false }
      for warning in warnings { record(.warned(server, warning.sentence)) }
      enter(server, .failOver, epoch: observation.state.epoch)
      return true
    case .wait(let blockers) where isHeldByQuarantine(blockers): refuse(server, blockers)
    case .wait(let blockers): wait(server, blockers)
    case .fail(let blockers): refuse(server, blockers)
    }
    return false
  }

  /// A server whose version was not known when the plan was made: it is read now, and compared.
  private mutating func isPatchedAlready(_ lane: RunState.Lane, _ observation: Observation) -> Bool {
    guard state.plan.kind == .patch, lane.before == nil, !settings.has(.version) else { return false }
    guard let version = observation.state.server(lane.server)?.version else { return false }
    record(.versionRead(lane.server, version))
    guard version == state.plan.target else { return false }
    record(.server(lane.server, .skipped("runs \(version) already")))
    forgetWait(lane.server)
    return true
  }

  /// Whether it is a server that this run left out that stands in the way: no wait brings that one back.
  private func isHeldByQuarantine(_ blockers: [Objection]) -> Bool {
    let quarantined = Set(state.quarantined)
    guard !quarantined.isEmpty else { return false }
    return blockers.contains { blocker in
      switch blocker.reason {
      case .quorumWouldBeLost(_, _, _, _, let absent): absent.contains { quarantined.contains($0.server) }
      case .tooFewServers(_, _, let down): down.contains { quarantined.contains($0) }
      default: false
      }
    }
  }

  /// The gate right before the stop: what would remain is judged once more, now that the server is out.
  private mutating func lastGate(_ lane: RunState.Lane, _ observation: Observation) {
    let server = lane.server
    if lane.clients == nil, let clients = observation.state.server(server)?.clients {
      record(.drained(server, clients))
    }
    guard state.aborting == nil else {
      turnBack(server, state.aborting ?? "", rollback: false, through: .start)
      return
    }
    let objections = PatchSafety.objections(
      toStopping: server,
      in: observation.state,
      at: observation.judgedAt,
      settings: settings.gates,
      seeds: observation.seeds
    )
    switch judge(server, objections, observation) {
    case .go: advance(server)
    case .wait(let blockers):
      note(server, blockers)
      guard let wait = state.volatile.wait(server), now >= wait.deadline else { return }
      turnBack(server, "not stopped: \(Self.sentences(blockers))", rollback: false, through: .start)
    case .fail(let blockers):
      turnBack(server, "not stopped: \(Self.sentences(blockers))", rollback: false, through: .start)
    }
  }

  /// The gate on the way back: the server is whole, and stays so for its soak time.
  private mutating func settle(_ lane: RunState.Lane, _ observation: Observation) {
    let server = lane.server
    let objections = PatchSafety.objections(
      toCallingBack: server,
      in: observation.state,
      at: observation.judgedAt
    )
    guard objections.isEmpty else {
      changeWait(server) { $0.quietSince = nil }
      note(server, objections)
      guard let wait = state.volatile.wait(server), now >= wait.deadline else { return }
      let why = "did not settle: \(Self.sentences(objections))"
      record(.server(server, lane.isReturning ? .returned(why) : .done))
      halt("\(server) \(why)")
      return
    }
    let quiet = state.volatile.wait(server)?.quietSince ?? now
    changeWait(server) { $0.quietSince = quiet }
    let left = soak(server) - (now - quiet)
    if left <= .zero {
      advance(server)
    } else {
      state.volatile.poll = min(max(left, .milliseconds(10)), .seconds(1))
      step.notices.append(.soaking(server, left: left))
    }
  }

  /// What stands against a stop besides the pool itself: the window, and what users felt.
  private func surroundings(_ observation: Observation) -> [Objection] {
    var found: [Objection] = []
    let need = max(settings.serverTime, state.volatile.longestOut)
    if let longest = observation.windowLongest, longest < need {
      // No window that comes is longer: to wait for one would be to wait for ever.
      let reason = Objection.Reason.windowsTooShort(longest: longest, need: need)
      found.append(Objection(.noOtherMaintenance, .fail, reason))
    } else if let left = observation.windowLeft, left < need {
      let reason = Objection.Reason.outsideWindow(left: left, need: need)
      found.append(Objection(.noOtherMaintenance, .wait, reason, estimate: observation.windowOpens))
    }
    if let gap = observation.probes?.longestGap, let limit = settings.maxGap, gap > limit {
      found.append(Objection(.ensureAvailability, .fail, .gapTooLong(gap: gap, limit: limit)))
    }
    return found
  }

  private mutating func judge(
    _ server: ServerName,
    _ objections: [Objection],
    _ observation: Observation
  ) -> Verdict {
    var verdict = Verdict.go(warnings: [])
    let gates = settings.gates
    let objections = objections.map(patiently)
    changeWait(server) { wait in
      verdict = wait.memory.judge(objections, settings: gates, at: observation.judgedAt)
    }
    guard let reason = settings.force, !verdict.isGo else { return verdict }
    // Force goes over what is unsafe, not over what is unknown: a stale reading or an unknown server stay.
    let over = objections.filter { $0.weight != .warning && !$0.isAboutReading }
    let rest = objections.filter { $0.weight == .warning || $0.isAboutReading }
    if rest.contains(where: { $0.weight != .warning }) { return Verdict(rest) }
    record(.forced(server, reason: reason, objections: over.map(\.sentence)))
    return .go(warnings: rest)
  }

  /// A loss of quorum in the middle of a run, or one that the run itself is to recover from, may be a moment's: leases
  /// that ran out together are renewed a moment later. It has to stand for a while.
  private func patiently(_ objection: Objection) -> Objection {
    guard case .quorumLoss = objection.reason, let grace = settings.gates.lossGrace,
      state.touched || settings.recoverApproved != nil
    else { return objection }
    var patient = objection
    patient.weight = .wait
    patient.patience = grace
    return patient
  }

  private mutating func wait(_ server: ServerName, _ blockers: [Objection]) {
    note(server, blockers)
    if blockers.allSatisfy({ if case .outsideWindow = $0.reason { true } else { false } }) {
      // Windows come when they come: they are waited for however long that takes.
      let deadline = now + settings.waitTime
      changeWait(server) { $0.deadline = deadline }
    }
    guard let wait = state.volatile.wait(server), now >= wait.deadline else { return }
    let why = "\(server) was not taken out within \((now - wait.since).text): \(Self.sentences(blockers))"
    release(server)
    halt(why)
  }

  /// Tells what is waited for, and writes it down when it is something new.
  mutating func note(_ server: ServerName, _ blockers: [Objection]) {
    guard let lane = state.lane(server), let wait = state.volatile.wait(server) else { return }
    step.notices.append(
      .waiting(server, lane.phase, blockers, waited: now - wait.since, left: max(.zero, wait.deadline - now))
    )
    let identities = blockers.map(\.identity)
    guard identities != wait.recorded else { return }
    changeWait(server) { $0.recorded = identities }
    record(.waited(server, for: blockers.map(\.sentence)))
  }

  static func sentences(_ objections: [Objection]) -> String {
    Objection.Reason.list(objections.map(\.sentence), most: 3)
  }
}
