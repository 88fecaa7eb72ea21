import PatchRun
import PoolModel
import Replication

/// What happens to the pool from outside, and the end.
extension PoolSimulation {
  mutating func happen(_ happening: Happening) {
    switch happening {
    case .nothing: break
    case .deliver(let server, let run): if isRunning(server, run) { deliver(server) }
    case .renew(let server, let run): if isRunning(server, run) { renew(server) }
    case .tell(let server, let run, let event): if isRunning(server, run) { tell(server, event) }
    case .tick(let server, let run, let number): tick(server, run, number)
    case .updateArrives(let server, let run, let update, let answers):
      updateArrives(server, run, update, answers)
    case .loaded(let server, let run, let group, let number):
      if isRunning(server, run) { finishLoad(server, group, number) }
    case .boot(let server, let number): booted(server, number)
    case .client: client()
    case .writeArrives(let write, let answers): writeArrives(write, answers)
    case .writeAnswered(let write, let applied): writeAnswered(write, applied)
    case .readBack(let write): readBack(write)
    case .expiry(let lease): expire(lease)
    case .newCoordinator: newCoordinator()
    case .coordinator(let number, let turn): coordinator(number, turn)
    case .takeArrives(let request): takeArrives(request)
    case .keepArrives(let number, let sentAt, let answers): keepArrives(number, sentAt, answers)
    case .appendArrives(let request, let answers): appendArrives(request, answers)
    case .releaseArrives(let request, let answers): releaseArrives(request, answers)
    case .verbCommitArrives(let commit): verbCommitArrives(commit)
    case .commandEnds(let call): commandEnds(call)
    case .fault: fault()
    case .heal: heal()
    case .giveUp: isOver = true
    }
    if isHealed, isSettled { isOver = true }
  }

  /// Whether nothing more is to be expected of the run.
  private var isSettled: Bool {
    switch watch.stage {
    case .ended: store.claim == nil || store.coordinator == nil && liveCoordinator == nil
    case .paused: store.claim?.paused != nil && resumes >= 2
    default: false
    }
  }

  // MARK: - Faults

  mutating func fault() {
    guard isFaulty, let pause = scenario.faultPause else { return }
    schedule(.fault, in: random.int(pause / 3, pause * 2))
    let server = random.int(0, servers.count - 1)
    switch random.int(0, 25) {
    case 0, 1, 2, 3: crash(server)
    case 4, 5: servers[server].isPartitioned = true
    case 6, 7, 8: for index in servers.indices { servers[index].isPartitioned = false }
    case 9: tell(server, .clockMeasured(offset: .milliseconds(random.int(-3_000, 3_000))))
    case 10: servers[server].lags.toggle()
    case 11: slowUntil = now + random.int(500, 3_000)
    case 12: if random.chance(30) { clockJump += random.int(-8_000, 8_000) }
    case 13: seedsDown.insert(random.int(0, 2))
    case 14, 15: seedsDown.removeAll()
    case 16: operate(server)
    case 17: longestGap = max(longestGap, random.int(100, 1_300))
    case 18:
      guard let instance = servers[server].machine.instance else { return }
      note("the lease of \(servers[server].name) is ended")
      watch.leaseWasRevoked = true
      endLease(instance)
    case 19, 20: if let number = liveCoordinator { crashCoordinator(number) }
    case 21: if let number = liveCoordinator { coordinators[number].isPartitioned.toggle() }
    case 22, 23: if let number = liveCoordinator { stall(number) }
    case 24:
      guard let number = liveCoordinator else { return }
      note("the lease of coordinator \(number) is ended")
      watch.revoked.insert(coordinators[number].lease)
      endLease(coordinators[number].lease)
    default: newCoordinator()
    }
  }

  mutating func stall(_ number: Int) {
    coordinators[number].stalledUntil = now + random.int(100, 5_000)
    note("coordinator \(number) stalls until \(coordinators[number].stalledUntil)")
    if random.chance(50) { schedule(.newCoordinator, in: random.int(100, 2_000)) }
  }

  private mutating func crash(_ server: Int) {
    guard servers[server].isUp else { return }
    note("\(servers[server].name) crashes")
    end(server, inOrder: false)
    if random.one(in: 12) { servers[server].isBroken = true }
    boot(server, in: random.chance(20) ? random.int(3_000, 12_000) : random.int(50, 2_500))
  }

  /// Somebody else takes a server out by hand, and brings it back.
  private mutating func operate(_ server: Int) {
    guard let record = store.view.servers[servers[server].name] else { return }
    switch record.record.service {
    case .inService:
      let mark = OutMark(by: "eve@other", reason: "by hand", since: storeTime)
      note("\(servers[server].name) is taken out by somebody else")
      servers[server].lostAt = now
      _ = store.commit(serviceUpdate(.out(mark), record))
    case .leaving(let mark), .out(let mark):
      guard !isOurs(mark) else { return }
      _ = store.commit(serviceUpdate(.inService, record))
    }
    storeChanged()
  }

  // MARK: - The end

  /// Faults end: what is broken for good stays so, everything else is well again.
  mutating func heal() {
    isHealed = true
    note("the faults end")
    slowUntil = 0
    seedsDown = []
    longestGap = 0
    for server in servers.indices {
      servers[server].isPartitioned = false
      servers[server].lags = false
      if servers[server].isUp { tell(server, .clockMeasured(offset: .zero)) }
      if !servers[server].isUp, servers[server].isWanted { boot(server, in: random.int(10, 500)) }
      guard let record = store.view.servers[servers[server].name], let mark = record.record.service.mark,
        !isOurs(mark)
      else { continue }
      _ = store.commit(serviceUpdate(.inService, record))
    }
    storeChanged()
    for number in coordinators.indices { coordinators[number].isPartitioned = false }
    scenario.crashes = []
    schedule(.newCoordinator, in: 10)
  }

  var outcome: RunOutcome? {
    switch watch.stage {
    case .ended(let outcome): outcome
    case .paused(let why): .paused(why)
    default: store.journal.isEmpty ? nil : .running
    }
  }

  /// Liveness: the run has ended, or is paused with a reason; nothing acknowledged is lost.
  mutating func demandTheEnd() {
    switch outcome {
    case nil, .running?, .whatIf?: violate("the run has not ended: \(watch.stage)")
    case .paused(let why)?: if why.isEmpty { violate("the run is paused without a reason") }
    case .finished?: checkFinished()
    case .stopped?, .refused?, .abandoned?: break
    }
    for group in acknowledged.indices {
      for user in acknowledged[group].indices { checkBinding(group, user) }
    }
    do throws(JournalFault) { _ = try RunMachine.replay(store.journal) } catch {
      violate("the journal cannot be read back: \(error)")
    }
  }

  /// A finished run has left its mark on nobody but those it quarantined, and patched whom it said.
  private mutating func checkFinished() {
    for server in servers {
      let mark = store.view.servers[server.name]?.record.service.mark
      if let mark, isOurs(mark), !watch.quarantined.contains(server.name) {
        violate("the run is finished and \(server.name) is still out by it")
      }
      if watch.outcomes[server.name] == .done, server.installed != Self.target {
        violate("\(server.name) is done and has \(server.installed)")
      }
    }
  }

  func describe(_ record: JournalRecord) -> String {
    if case .planned(_, let plan, _) = record { return "planned \(plan.batches)" }
    return "\(record)"
  }
}
