import PatchRun
import PoolModel
import Replication

/// Directives: readings, timers, commands. What PatchEngine's `Performer` does.
extension PoolSimulation {
  mutating func perform(_ number: Int, _ directive: Directive) {
    switch directive {
    case .finish, .standDown: return
    case .observe(let delay):
      schedule(.coordinator(number, .observe), in: Int(delay.milliseconds) + 1)
      return
    case .timer(let sequence, let delay):
      schedule(.coordinator(number, .event(.timer(sequence: sequence))), in: Int(delay.milliseconds))
      return
    default: break
    }
    // The last look before an act: a coordinator whose lease may have run out does not act.
    guard holds(number) else {
      schedule(.coordinator(number, .event(.leaseLost)), in: 1)
      return
    }
    checkAct(number, directive)
    guard let sequence = directive.sequence else { return }
    note("c\(number) does \(directive)")
    if case .command(let kind, let server, _, _, let within) = directive {
      coordinators[number].lastToken += 1
      let call = CommandCall(
        coordinator: number,
        kind: kind,
        server: server.flatMap { index(of: $0) },
        sequence: sequence,
        generation: coordinators[number].lease,
        within: Int(within.milliseconds)
      )
      schedule(.coordinator(number, .command(call)), in: random.int(1, 5))
      return
    }
    beginVerb(number, sequence, directive)
  }

  // MARK: - Readings

  mutating func observe(_ number: Int) {
    let isLost = isCutOff(number) || (isFaulty && random.chance(2))
    if isLost {
      count(.readingLost)
      let failure = ActFailure(.unreachable, "the store does not answer")
      schedule(.coordinator(number, .event(.unobserved(failure))), in: random.int(100, 800))
      return
    }
    var state = reading()
    if scenario.settings.gates.capacity != nil { countBindings(&state) }
    let seeds = scenario.hasSeeds ? readSeeds() : nil
    let isOld = isFaulty && random.chance(2)
    if isOld { count(.readingOld) }
    let latency = isOld ? random.int(1_000, 9_000) : travel() + travel()
    // The coordinator's clock is the store's as it was when the coordinator began.
    let age = Duration.milliseconds(latency + coordinators[number].clockBase - clockJump)
    let window = windowState()
    var observation = Observation(
      state,
      age: age,
      seeds: seeds,
      windowLeft: window.map { .milliseconds($0.left) },
      windowOpens: window.map { .milliseconds($0.opens) },
      windowLongest: window.map { _ in .seconds(60) },
      probes: scenario.probes
        ? ProbeSummary(requests: 1, failed: 0, longestGap: .milliseconds(longestGap)) : nil
    )
    coordinators[number].truth = GateTruth(observation, settings: scenario.settings)
    weaken(&observation)
    schedule(.coordinator(number, .event(.observed(observation))), in: latency)
  }

  /// The pool as it is. Nothing of it but revision and time changes without a change of a control record.
  private mutating func reading() -> FabricState {
    if var state = lastReading, lastReadingAt == store.changes {
      state.revision = store.view.revision
      state.takenAt = storeTime
      return state
    }
    let state = store.view.state(at: storeTime, serversNeeded: scenario.serversNeeded)
    lastReading = state
    lastReadingAt = store.changes
    return state
  }

  /// Servers bring the count of what they hold up to date all the time.
  private func countBindings(_ state: inout FabricState) {
    for index in state.servers.indices where state.servers[index].isUp {
      let name = state.servers[index].name
      state.servers[index].bindings = state.groups.reduce(0) { sum, group in
        sum + (group.primary == name ? store.bindings[group.id.index].count { $0 != nil } : 0)
      }
    }
  }

  private func readSeeds() -> [SeedMember] {
    (0..<min(3, servers.count)).map { seed in
      SeedMember(
        name: "store\(seed + 1)",
        isHealthy: servers[seed].isUp && !seedsDown.contains(seed),
        server: servers[seed].name
      )
    }
  }

  /// A window of 60 s, every 64 s.
  private func windowState() -> (left: Int, opens: Int)? {
    guard scenario.hasWindows else { return nil }
    let phase = (now + scenario.windowShift) % 64_000
    return phase < 60_000 ? (60_000 - phase, 0) : (0, 64_000 - phase)
  }

  // MARK: - Commands

  /// A command reaches its target, under the target's lock.
  mutating func sendCommand(_ call: CommandCall) {
    guard let server = call.server else {
      answer(call.coordinator, .succeeded(sequence: call.sequence, .done), in: 5)
      return
    }
    let locked = servers[server].lockGeneration
    if locked > call.generation, weakness != .commandLock {
      answer(call.coordinator, .failed(sequence: call.sequence, ActFailure(.fenced, "fenced")), in: 3)
      return
    }
    let name = servers[server].name
    checkEffect("\(call.kind.rawValue) on \(name)", on: server, call.generation)
    if let running = servers[server].command {
      if weakness == .commandLock {
        violate(
          "two commands at once on \(servers[server].name), of \(running.generation) and \(call.generation)"
        )
      }
      note("the command of \(running.generation) on \(servers[server].name) is killed")
    }
    checkCommand(call.kind, server)
    servers[server].lockGeneration = max(locked, call.generation)
    lastCommand += 1
    var call = call
    call.token = lastCommand
    servers[server].command = (call.generation, call.token)
    let takes = random.int(20, 250) + (isFaulty && random.chance(5) ? 5_000 : 0)
    call.hangs = takes > call.within
    schedule(.commandEnds(call), in: min(takes, call.within))
  }

  /// A command ends, whether its coordinator lives or not.
  mutating func commandEnds(_ call: CommandCall) {
    guard let server = call.server, servers[server].command?.token == call.token else { return }
    servers[server].command = nil
    var failure: String?
    let trouble = isFaulty ? random.int(0, 99) : 99
    switch call.kind {
    case _ where call.hangs:
      count(.commandHangs)
      failure = "its time ran out"
    case .apply:
      if trouble < 6 {
        count(.patchFails)
        failure = "the patch failed"
      } else if trouble < 10 {
        count(.patchBreaksOff)
        servers[server].installed = "broken"
        failure = "the patch broke off"
      } else if trouble < 16 {
        count(.patchLies)
        switch random.int(0, 2) {
        case 0: servers[server].installed = "broken"
        case 1: servers[server].installed = "1.5"
        default: break
        }
      } else {
        servers[server].installed = Self.target
      }
    case .rollback:
      if trouble < 5 { failure = "no rollback" } else { servers[server].installed = "1.0" }
    case .verify: if trouble < 8 { failure = "not verified" }
    default: break
    }
    if failure != nil, call.kind != .apply, !call.hangs { count(.otherCommandFails) }
    note(
      "\(call.kind.rawValue) on \(servers[server].name) ends: \(failure ?? "good"), \(servers[server].installed)"
    )
    let event =
      failure.map { MachineEvent.failed(sequence: call.sequence, ActFailure(.failed, $0)) }
      ?? .succeeded(sequence: call.sequence, .done)
    answer(call.coordinator, event, in: random.int(1, 10))
  }

  /// An act's outcome on its way to the coordinator's inbox; now and then late, or not as it was.
  mutating func answer(_ number: Int, _ event: MachineEvent, in delay: Int) {
    var event = event
    var delay = delay
    if isFaulty, random.chance(4) {
      count(.answerLate)
      delay += random.int(100, 4_000)
    }
    if isFaulty, random.chance(2), case .succeeded(let sequence, _) = event {
      count(.answerLies)
      event = .failed(sequence: sequence, ActFailure(.unreachable, "the answer was lost"))
    }
    schedule(.coordinator(number, .event(event)), in: delay)
  }
}
