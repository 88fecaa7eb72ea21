import PatchRun
import PoolDriving
import PoolModel
import PoolProcedures
import Replication

/// The driver of the pool: PoolProcedures says what comes next, as for FrontEndPoolDriver, and this follows it.
extension PoolSimulation {
  static let undoTime = 3_000

  mutating func beginVerb(_ number: Int, _ sequence: Int, _ directive: Directive) {
    coordinators[number].lastToken += 1
    let token = coordinators[number].lastToken
    let within = Int(Self.within(directive).milliseconds)
    coordinators[number].verbs[sequence] = SimulatedCoordinator.Verb(
      directive: directive,
      token: token,
      deadline: now + within
    )
    schedule(.coordinator(number, .verb(sequence: sequence, token: token)), in: random.int(1, 8))
  }

  private static func within(_ directive: Directive) -> Duration {
    switch directive {
    case .failOver(_, _, _, _, let within, _), .stop(_, _, let within), .start(_, _, let within),
      .failBack(_, _, _, let within), .readVersion(_, _, let within), .even(_, let within),
      .recover(_, let within):
      within
    default: .zero
    }
  }

  /// A verb looks at the fabric and does what comes next.
  mutating func followVerb(_ number: Int, _ sequence: Int, _ token: Int) {
    guard let verb = coordinators[number].verbs[sequence], verb.token == token else { return }
    if isCutOff(number) {
      guard now < verb.deadline else {
        finishVerb(number, sequence, .failed(sequence: sequence, ActFailure(.unreachable, "no store")))
        return
      }
      again(number, sequence, in: 100)
      return
    }
    guard verb.stage != .admission || admit(number, sequence) else { return }
    // It waits for a change of the fabric, or the end of its time.
    if verb.isWaiting, verb.seen == store.changes, now < verb.deadline {
      wait(number, sequence)
      return
    }
    coordinators[number].verbs[sequence]?.isWaiting = false
    coordinators[number].verbs[sequence]?.seen = store.changes
    switch verb.directive {
    case .stop(let server, _, _): stop(number, sequence, server)
    case .start(let server, _, _): start(number, sequence, server)
    case .readVersion(let server, _, _):
      let version = store.view.live[server]?.record.version
      finishVerb(number, sequence, .succeeded(sequence: sequence, .version(version)))
    default: proceed(number, sequence)
    }
  }

  /// The pool lets an act in unless a newer coordinator has acted.
  private mutating func admit(_ number: Int, _ sequence: Int) -> Bool {
    let generation = coordinators[number].lease
    if store.actGeneration > generation, weakness != .actGeneration {
      finishVerb(number, sequence, .failed(sequence: sequence, ActFailure(.fenced, "fenced")))
      return false
    }
    if store.actGeneration < generation {
      store.actGeneration = generation
      store.view.revision += 1
    }
    watch.admittedGeneration = max(watch.admittedGeneration, generation)
    if coordinators[number].verbs[sequence]?.work == nil { beginWork(number, sequence, generation) }
    coordinators[number].verbs[sequence]?.stage = .following
    // Programs are stopped in the middle of things too.
    if isFaulty, random.one(in: 40) { stall(number) }
    return true
  }

  private mutating func beginWork(_ number: Int, _ sequence: Int, _ generation: UInt64) {
    guard let verb = coordinators[number].verbs[sequence] else { return }
    let pool = PoolName("sim")
    let work: SimulatedCoordinator.Work?
    switch verb.directive {
    case .failOver(let server, _, let epoch, _, _, _):
      let identity = ActIdentity(run: Self.run, sequence: sequence, generation: generation)
      let act = Act(identity: identity, by: "ann@ops", reason: "patch")
      let mark = OutMark(by: act.by, reason: act.reason, since: storeTime, act: identity)
      work = .failOver(FailOverProcedure(server: server, pool: pool, act: act, epoch: epoch, mark: mark))
    case .failBack(let server, _, _, _): work = .failBack(FailBackProcedure(server: server, pool: pool))
    case .even: work = .even(EvenProcedure())
    case .recover: work = .recover(RecoveryProcedure())
    default: work = nil
    }
    coordinators[number].verbs[sequence]?.work = work
  }

  // MARK: - The ends of a verb

  func again(_ number: Int, _ sequence: Int) -> CoordinatorTurn? {
    coordinators[number].verbs[sequence].map { .verb(sequence: sequence, token: $0.token) }
  }

  mutating func again(_ number: Int, _ sequence: Int, in delay: Int) {
    guard let turn = again(number, sequence) else { return }
    schedule(.coordinator(number, turn), in: delay)
  }

  /// Waits for a change of the fabric.
  mutating func wait(_ number: Int, _ sequence: Int) {
    coordinators[number].verbs[sequence]?.isWaiting = true
    again(number, sequence, in: random.int(8, 40))
  }

  mutating func finishVerb(_ number: Int, _ sequence: Int, _ event: MachineEvent) {
    coordinators[number].verbs[sequence] = nil
    note("c\(number) \(sequence) ends: \(event)")
    answer(number, event, in: random.int(1, 5))
  }

  mutating func fail(_ number: Int, _ sequence: Int, _ kind: ActFailure.Kind, _ why: String) {
    finishVerb(number, sequence, .failed(sequence: sequence, ActFailure(kind, why)))
  }

  mutating func succeed(_ number: Int, _ sequence: Int, _ result: ActResult = .done) {
    finishVerb(number, sequence, .succeeded(sequence: sequence, result))
  }

  // MARK: - Commits

  /// Commits under the act's fence, each alone, then looks again.
  mutating func commit(_ number: Int, _ sequence: Int, _ updates: [FabricUpdate], marks: ServerName? = nil) {
    var delay = 1
    for update in updates {
      let (arrives, answers) = trip(number)
      let commit = VerbCommit(
        coordinator: number,
        sequence: sequence,
        generation: coordinators[number].lease,
        update: update,
        marks: marks
      )
      if let arrives { schedule(.verbCommitArrives(commit), in: arrives) }
      delay = max(delay, answers ? (arrives ?? 0) + travel() : random.int(50, 300))
    }
    again(number, sequence, in: delay)
  }

  mutating func verbCommitArrives(_ commit: VerbCommit) {
    guard store.actGeneration == commit.generation || weakness == .actGeneration else {
      guard coordinators[commit.coordinator].verbs[commit.sequence] != nil else { return }
      coordinators[commit.coordinator].verbs[commit.sequence]?.stage = .admission
      return
    }
    var before: [GroupRecord] = []
    for case .group(let record, _) in commit.update.writes {
      if let old = store.view.groups[record.id]?.record { before.append(old) }
    }
    guard store.commit(commit.update, weakness: weakness) != nil else { return }
    checkCommit(commit.sequence, commit.generation)
    if let server = commit.marks { checkMark(server) }
    for old in before { checkGroup(old.id, before: old, "act \(commit.sequence)") }
    storeChanged()
  }

  func serviceUpdate(_ service: ServiceState, _ record: Versioned<ServerRecord>) -> FabricUpdate {
    var changed = record.record
    changed.service = service
    return FabricUpdate(
      when: [.serverIs(changed.name, revision: record.revision)],
      write: [.server(changed), .epoch]
    )
  }

  func isOurs(_ mark: OutMark) -> Bool { mark.act?.run == Self.run }
}
