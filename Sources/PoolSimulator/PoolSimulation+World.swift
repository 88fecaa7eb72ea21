import PatchRun
import PoolModel
import Replication

/// What happens next, and the end.
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

  // MARK: - The end

  /// Faults end: what is broken for good stays so, everything else is well again.
  mutating func heal() {
    isHealed = true
    note("the faults end")
    slowUntil = 0
    goneUntil = 0
    seedsDown = []
    longestGap = 0
    for server in servers.indices {
      servers[server].isPartitioned = false
      servers[server].lags = servers[server].lagsForEver
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
    for group in 0..<scenario.groups {
      for user in 0..<Self.users { checkBinding(group, user) }
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
