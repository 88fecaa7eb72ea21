import PatchRun
import PoolModel
import Replication

/// The driver of the pool: its verbs as procedures that look at the fabric and say what comes next, as
/// FrontEndPoolDriver's do.
extension PoolSimulation {
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
    if coordinators[number].isPartitioned {
      guard !coordinators[number].isStuck(verb, at: now) else {
        finishVerb(number, sequence, .failed(sequence: sequence, ActFailure(.unreachable, "no store")))
        return
      }
      again(number, sequence, in: 100)
      return
    }
    let generation = coordinators[number].lease
    if verb.stage == .admission {
      if store.actGeneration > generation, weakness != .actGeneration {
        finishVerb(number, sequence, .failed(sequence: sequence, ActFailure(.fenced, "fenced")))
        return
      }
      if store.actGeneration < generation {
        store.actGeneration = generation
        store.view.revision += 1
      }
      watch.admittedGeneration = max(watch.admittedGeneration, generation)
      coordinators[number].verbs[sequence]?.stage = .following
      // Programs are stopped in the middle of things too.
      if isFaulty, random.one(in: 40) { stall(number) }
    }
    switch verb.directive {
    case .failOver(let server, _, let epoch, _, _, _): failOver(number, sequence, server, epoch)
    case .failBack(let server, _, _, _): failBack(number, sequence, server)
    case .stop(let server, _, _): stop(number, sequence, server)
    case .start(let server, _, _): start(number, sequence, server)
    case .readVersion(let server, _, _):
      let version = store.view.live[server]?.record.version
      finishVerb(number, sequence, .succeeded(sequence: sequence, .version(version)))
    case .even: even(number, sequence)
    case .recover: recover(number, sequence)
    default: break
    }
  }

  func again(_ number: Int, _ sequence: Int) -> CoordinatorTurn? {
    coordinators[number].verbs[sequence].map { .verb(sequence: sequence, token: $0.token) }
  }

  mutating func again(_ number: Int, _ sequence: Int, in delay: Int) {
    guard let turn = again(number, sequence) else { return }
    schedule(.coordinator(number, turn), in: delay)
  }

  /// Waits for a change of the fabric.
  mutating func wait(_ number: Int, _ sequence: Int) { again(number, sequence, in: random.int(8, 40)) }

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

  /// Commits under the act's fence, then looks again.
  mutating func commit(_ number: Int, _ sequence: Int, _ update: FabricUpdate, marks: ServerName? = nil) {
    let (arrives, answers) = trip(number)
    let commit = VerbCommit(
      coordinator: number,
      sequence: sequence,
      generation: coordinators[number].lease,
      update: update,
      marks: marks
    )
    if let arrives { schedule(.verbCommitArrives(commit), in: arrives) }
    again(number, sequence, in: answers ? (arrives ?? 0) + travel() : random.int(50, 300))
  }

  mutating func verbCommitArrives(_ commit: VerbCommit) {
    guard store.actGeneration == commit.generation || weakness == .actGeneration else {
      guard coordinators[commit.coordinator].verbs[commit.sequence] != nil else { return }
      coordinators[commit.coordinator].verbs[commit.sequence]?.stage = .admission
      return
    }
    guard store.commit(commit.update, weakness: weakness) != nil else { return }
    checkCommit(commit.sequence, commit.generation)
    if let server = commit.marks { checkMark(server) }
    storeChanged()
  }

  func serviceUpdate(
    _ service: ServiceState,
    _ record: Versioned<ServerRecord>,
    also conditions: [FabricCondition] = []
  ) -> FabricUpdate {
    var changed = record.record
    changed.service = service
    return FabricUpdate(
      when: [.serverIs(changed.name, revision: record.revision)] + conditions,
      write: [.server(changed), .epoch]
    )
  }

  func isOurs(_ mark: OutMark) -> Bool { mark.act?.run == Self.run }

  // MARK: - Recovery and evening out

  private mutating func even(_ number: Int, _ sequence: Int) {
    guard let verb = coordinators[number].verbs[sequence] else { return }
    guard now < verb.deadline else {
      fail(number, sequence, .timedOut, "not even in time")
      return
    }
    let plan = Placement.evenPrimaries(store.view)
    guard !plan.isEmpty else {
      succeed(number, sequence, .moved(verb.preferred.count))
      return
    }
    for id in plan.keys.sorted() {
      guard let group = store.view.groups[id], store.view.hasLiveLeader(group.record),
        group.record.swap == nil, group.record.preferredPrimary != plan[id]
      else { continue }
      var record = group.record
      record.preferredPrimary = plan[id]
      coordinators[number].verbs[sequence]?.preferred.insert(id)
      let update = FabricUpdate(
        when: [.groupIs(id, revision: group.revision), .generationIs(id, record.generation)],
        write: [.group(record, fencing: false)]
      )
      commit(number, sequence, update)
      return
    }
    wait(number, sequence)
  }

  private mutating func recover(_ number: Int, _ sequence: Int) {
    guard let verb = coordinators[number].verbs[sequence] else { return }
    guard now < verb.deadline else {
      fail(number, sequence, .timedOut, "not rebuilt in time")
      return
    }
    let plan = QuorumLossRecovery(store.view)
    let open = plan.groups.filter { !verb.recovered.contains($0.id) }
    if let group = open.first {
      coordinators[number].verbs[sequence]?.recovered.insert(group.id)
      for name in group.lost { coordinators[number].verbs[sequence]?.lost.insert(name) }
      for update in QuorumLossRecovery(store.view, only: [group.id]).updates {
        commit(number, sequence, update)
      }
      return
    }
    guard plan.hopeless.isEmpty else {
      fail(number, sequence, .refused, "nobody lives to hold a replica")
      return
    }
    let isServed = verb.recovered.union(plan.resuming).allSatisfy { id in
      guard let group = store.view.groups[id]?.record else { return true }
      return store.view.hasLiveLeader(group) && group.replicas.allSatisfy { store.view.isUp($0) }
    }
    guard isServed else {
      wait(number, sequence)
      return
    }
    let summary = RecoverySummary(
      approvedBy: "",
      groups: verb.recovered.sorted(),
      lostServers: verb.lost.sorted(),
      replicasLost: verb.lost.count,
      replicasPlaced: 0,
      bindingsRecovered: 0
    )
    succeed(number, sequence, .recovered(summary))
  }
}

extension SimulatedCoordinator {
  /// Whether a verb has no time left, its own or that of taking back what it did.
  func isStuck(_ verb: Verb, at now: Int) -> Bool { now >= max(verb.deadline, verb.undoUntil) }
}
