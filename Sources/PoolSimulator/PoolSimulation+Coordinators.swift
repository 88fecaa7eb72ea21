import PatchRun
import PoolModel
import Replication

/// Coordinators: claim, lease, journal, events, as PatchEngine does them.
extension PoolSimulation {
  /// The newest coordinator that lives.
  var liveCoordinator: Int? { coordinators.lastIndex { $0.isAlive } }

  mutating func newCoordinator() {
    guard coordinators.count < 40 else { return }
    if liveCoordinator != nil { count(.rival) }
    coordinators.append(SimulatedCoordinator(number: coordinators.count))
    schedule(.coordinator(coordinators.count - 1, .look), in: 1)
  }

  mutating func crashCoordinator(_ number: Int) {
    guard coordinators[number].isAlive else { return }
    note("coordinator \(number) crashes")
    coordinators[number].isAlive = false
    coordinators[number].verbs = SimulatedCoordinator.Verbs()
    schedule(.newCoordinator, in: random.int(1, 2_500))
  }

  /// Something of a coordinator's own program. It does nothing while it is dead, and later while it is stalled.
  mutating func coordinator(_ number: Int, _ turn: CoordinatorTurn) {
    guard coordinators[number].isAlive else { return }
    if coordinators[number].stalledUntil > now {
      queue.add(.coordinator(number, turn), at: coordinators[number].stalledUntil)
      return
    }
    switch turn {
    case .look: look(number)
    case .taken(let revision, let count): taken(number, revision, count)
    case .keep: keep(number)
    case .kept(let isHeld, let sentAt): kept(number, isHeld, sentAt)
    case .appended(let append, let outcome): appended(number, append, outcome)
    case .appendAgain(let append): appendAgain(number, append)
    case .released: released(number)
    case .event(let event):
      coordinators[number].inbox.append(event)
      takeEvents(number)
    case .observe: observe(number)
    case .command(let call): sendCommand(call)
    case .verb(let sequence, let token): followVerb(number, sequence, token)
    }
  }

  /// Milliseconds to the store, or from it.
  mutating func travel() -> Int { random.int(1, now < slowUntil ? 1_500 : 6) }

  /// Whether a coordinator cannot reach the store.
  func isCutOff(_ number: Int) -> Bool { coordinators[number].isPartitioned || now < goneUntil }

  /// How a request of a coordinator fares: `nil` when it never arrives; whether its answer does.
  mutating func trip(_ number: Int) -> (arrives: Int?, answers: Bool) {
    if isCutOff(number) { return (nil, false) }
    guard isFaulty, random.chance(4) else { return (travel(), true) }
    count(.doubtfulJournal)
    return random.chance(40) ? (nil, false) : (random.int(1, random.chance(40) ? 2_500 : 30), false)
  }

  // MARK: - The claim

  private mutating func look(_ number: Int) {
    guard case .looking = coordinators[number].phase, !isOver else { return }
    guard !isCutOff(number) else {
      schedule(.coordinator(number, .look), in: 200)
      return
    }
    // Somebody lives, or the run is over: a second coordinator waits, or goes.
    guard store.coordinator == nil else {
      schedule(.coordinator(number, .look), in: 250)
      return
    }
    if store.claim == nil, !store.journal.isEmpty {
      coordinators[number].isAlive = false
      return
    }
    if store.claim?.paused != nil {
      guard isHealed, resumes < 2 else {
        schedule(.coordinator(number, .look), in: isHealed ? 2_000 : 500)
        return
      }
      resumes += 1
    }
    if store.claim == nil, random.chance(20) || store.view.groups.count < scenario.groups {
      schedule(.coordinator(number, .look), in: 50)
      return
    }
    coordinators[number].lease = store.grant(to: nil, until: now + Self.leaseTime)
    coordinators[number].deadline = now - 1 + Self.leaseTime * 7 / 8
    coordinators[number].clockBase = clockJump
    coordinators[number].phase = .taking
    queue.add(.expiry(coordinators[number].lease), at: now + Self.leaseTime)
    schedule(.coordinator(number, .keep), in: Self.leaseTime / 4)
    let request = TakeRequest(
      coordinator: number,
      lease: coordinators[number].lease,
      claimRevision: store.claim?.revision ?? 0,
      count: store.journal.count,
      isNewRun: store.claim == nil
    )
    schedule(.takeArrives(request), in: travel())
  }

  mutating func takeArrives(_ request: TakeRequest) {
    var revision: UInt64?
    if (store.claim?.revision ?? 0) == request.claimRevision, store.isLive(request.lease) {
      store.view.revision += 1
      store.claim = SimulatedStore.Claim(revision: store.view.revision, paused: nil)
      store.coordinator = request.lease
      revision = store.view.revision
      note("coordinator \(request.coordinator) takes the claim with generation \(request.lease)")
    }
    schedule(
      .coordinator(request.coordinator, .taken(revision: revision, count: request.count)),
      in: travel()
    )
  }

  private mutating func taken(_ number: Int, _ revision: UInt64?, _ count: Int) {
    guard case .taking = coordinators[number].phase else { return }
    guard let revision else {
      coordinators[number].phase = .looking
      schedule(.coordinator(number, .look), in: 200)
      return
    }
    coordinators[number].claimRevision = revision
    coordinators[number].count = count
    if count == 0 { begin(number) } else { goOn(number) }
  }

  private func person(_ number: Int) -> Coordinator {
    Coordinator(
      by: "ann@ops",
      host: "ops",
      pid: Int32(number),
      since: storeTime,
      generation: coordinators[number].lease
    )
  }

  private mutating func begin(_ number: Int) {
    let planner = PatchPlanner(
      kind: .patch,
      target: Self.target,
      floor: scenario.settings.gates.floor,
      batches: scenario.batches
    )
    let plan: PatchPlan
    do throws(PatchPlanner.Fault) {
      plan = try planner.plan(for: store.view.state(at: storeTime, serversNeeded: scenario.serversNeeded))
    } catch {
      violate("no plan: \(error)")
      return
    }
    let (state, opening) = RunMachine.begin(run: Self.run, plan: plan, settings: scenario.settings)
    let (next, first) = RunMachine.step(state, .started, at: instant)
    var step = first
    step.records = opening.records + [.coordinator(person(number))] + first.records
    coordinators[number].state = next
    carryOut(number, step)
  }

  private mutating func goOn(_ number: Int) {
    let state: RunState
    do throws(JournalFault) { state = try RunMachine.replay(store.journal) } catch {
      violate("the journal cannot be read back: \(error)")
      return
    }
    coordinators[number].state = state
    guard !state.isEnded else {
      release(number)
      return
    }
    let (next, step) = RunMachine.resume(state, by: person(number), at: instant)
    coordinators[number].state = next
    carryOut(number, step)
  }

  // MARK: - The lease

  func holds(_ number: Int) -> Bool {
    weakness == .coordinatorDeadline || now < coordinators[number].deadline
  }

  private mutating func keep(_ number: Int) {
    switch coordinators[number].phase {
    case .looking, .ended: return
    case .taking, .idle, .writing, .releasing: break
    }
    if !holds(number) {
      coordinator(number, .event(.leaseLost))
      return
    }
    schedule(.coordinator(number, .keep), in: Self.leaseTime / 4)
    let (arrives, answers) = trip(number)
    if let arrives { schedule(.keepArrives(number, sentAt: now, answers: answers), in: arrives) }
  }

  mutating func keepArrives(_ number: Int, _ sentAt: Int, _ answers: Bool) {
    let isHeld = store.renew(coordinators[number].lease, until: now + Self.leaseTime)
    if answers { schedule(.coordinator(number, .kept(isHeld, sentAt: sentAt)), in: travel()) }
  }

  private mutating func kept(_ number: Int, _ isHeld: Bool, _ sentAt: Int) {
    if isHeld {
      coordinators[number].deadline = max(
        coordinators[number].deadline,
        sentAt + Self.leaseTime * 7 / 8
      )
    } else if weakness != .coordinatorDeadline {
      coordinators[number].deadline = min(coordinators[number].deadline, now)
      coordinator(number, .event(.leaseLost))
    }
  }

  // MARK: - Events and steps

  private mutating func takeEvents(_ number: Int) {
    while coordinators[number].isAlive, case .idle = coordinators[number].phase,
      !coordinators[number].inbox.isEmpty, let state = coordinators[number].state.take()
    {
      let event = coordinators[number].inbox.removeFirst()
      let (next, step) = RunMachine.step(state, event, at: instant)
      coordinators[number].state = next
      carryOut(number, step)
    }
  }

  /// Makes a step durable, then has it performed.
  private mutating func carryOut(_ number: Int, _ step: Step) {
    if step.directives.contains(.standDown) {
      note("coordinator \(number) stands down")
      endProgram(number)
      return
    }
    guard !step.records.isEmpty else {
      performAll(number, step)
      return
    }
    if trace.isOn { for record in step.records { note("c\(number) \(describe(record))") } }
    if crashes(number, .beforeWrite, count: coordinators[number].count + step.records.count) { return }
    coordinators[number].phase = .writing(step)
    coordinators[number].appendNumber += 1
    sendAppend(number)
    if weakness == .journalFirst { for directive in step.directives { perform(number, directive) } }
  }

  /// A program that ends by itself; somebody runs the command again.
  private mutating func endProgram(_ number: Int) {
    coordinators[number].phase = .ended
    coordinators[number].isAlive = false
    coordinators[number].verbs = SimulatedCoordinator.Verbs()
    schedule(.newCoordinator, in: random.int(20, 2_000))
  }

  /// Whether the scenario lets the coordinator crash here.
  private mutating func crashes(_ number: Int, _ point: Scenario.Crash, count: Int) -> Bool {
    guard let next = scenario.crashes.first, next.records <= count, next.1 == point else { return false }
    scenario.crashes.removeFirst()
    faults.crashed(point, at: count)
    crashCoordinator(number)
    return true
  }

  private mutating func sendAppend(_ number: Int) {
    guard case .writing(let step) = coordinators[number].phase else { return }
    let request = AppendRequest(
      coordinator: number,
      number: coordinators[number].appendNumber,
      generation: coordinators[number].lease,
      claimRevision: coordinators[number].claimRevision,
      count: coordinators[number].count,
      records: step.records
    )
    let (arrives, answers) = trip(number)
    if let arrives { schedule(.appendArrives(request, answers: answers), in: arrives) }
    if !answers {
      schedule(.coordinator(number, .appended(number: request.number, .unknown)), in: random.int(20, 300))
    }
  }

  mutating func appendArrives(_ request: AppendRequest, _ answers: Bool) {
    let isFree = store.journal.count == request.count || weakness == .journalClaim
    let isOurs = store.claim?.revision == request.claimRevision && store.coordinator == request.generation
    var outcome = AppendOutcome.refused
    if isFree, isOurs || weakness == .journalClaim {
      journal(request)
      outcome = .written
    } else if store.journal.count >= request.count + request.records.count,
      store.journalists[request.count] == request.generation,
      store.journal[request.count] == request.records.first
    {
      // Refused may also mean that an earlier try of ours was applied after all.
      outcome = .written
    }
    guard answers else { return }
    schedule(.coordinator(request.coordinator, .appended(number: request.number, outcome)), in: travel())
  }

  private mutating func appended(_ number: Int, _ append: Int, _ outcome: AppendOutcome) {
    guard case .writing(let step) = coordinators[number].phase,
      coordinators[number].appendNumber == append
    else { return }
    switch outcome {
    case .written:
      coordinators[number].appendNumber += 1
      coordinators[number].count += step.records.count
      coordinators[number].phase = .idle
      if crashes(number, .beforeActs, count: coordinators[number].count) { return }
      if weakness == .journalFirst {
        if step.directives.contains(.finish) { release(number) } else { takeEvents(number) }
        return
      }
      performAll(number, step)
    case .refused:
      note("coordinator \(number) is fenced by the journal")
      endProgram(number)
    case .unknown:
      guard holds(number) else {
        note("coordinator \(number) cannot write and its lease is over")
        endProgram(number)
        return
      }
      schedule(.coordinator(number, .appendAgain(number: append)), in: 50)
    }
  }

  private mutating func appendAgain(_ number: Int, _ append: Int) {
    guard coordinators[number].appendNumber == append else { return }
    sendAppend(number)
  }

  private mutating func performAll(_ number: Int, _ step: Step) {
    coordinators[number].phase = .idle
    checkDecisions(number, step)
    if step.directives.contains(.finish) {
      release(number)
      return
    }
    for directive in step.directives { perform(number, directive) }
    if crashes(number, .afterActs, count: coordinators[number].count) { return }
    takeEvents(number)
  }

  // MARK: - The end

  private mutating func release(_ number: Int) {
    coordinators[number].phase = .releasing
    coordinators[number].verbs = SimulatedCoordinator.Verbs()
    var paused: String?
    if case .paused(let why)? = coordinators[number].state?.stage { paused = why }
    let request = ReleaseRequest(
      coordinator: number,
      lease: coordinators[number].lease,
      claimRevision: coordinators[number].claimRevision,
      paused: paused
    )
    let (arrives, answers) = trip(number)
    if let arrives { schedule(.releaseArrives(request, answers: answers), in: arrives) }
    // Without an answer the program ends with an error; whoever comes next finds an ended or paused run.
    if !answers { schedule(.coordinator(number, .released), in: 300) }
  }

  mutating func releaseArrives(_ request: ReleaseRequest, _ answers: Bool) {
    if store.claim?.revision == request.claimRevision, store.coordinator == request.lease {
      store.view.revision += 1
      if let paused = request.paused {
        store.claim = SimulatedStore.Claim(revision: store.view.revision, paused: paused)
      } else {
        store.claim = nil
      }
      store.coordinator = nil
      store.end(request.lease)
    }
    if answers { schedule(.coordinator(request.coordinator, .released), in: travel()) }
  }

  private mutating func released(_ number: Int) {
    guard coordinators[number].isAlive else { return }
    note("coordinator \(number) ends")
    coordinators[number].phase = .ended
    coordinators[number].isAlive = false
    if store.claim != nil { schedule(.newCoordinator, in: random.int(100, 1_500)) }
  }
}
