import FabricStore
import Logging
import PatchRun
import PoolDriving
import PoolModel

/// Carries one run through: one task takes events one by one, asks the machine, makes its records durable, then performs
/// its directives; each directive's outcome comes back as an event. There is no other writer.
struct Runner: Sendable {
  let performer: Performer
  let emitter: Emitter
  let prober: (any UserProbing)?
  let logger: Logger

  /// Goes on from `state` with `first` until the run pauses or ends.
  func run(_ state: RunState, first: Step, hold: inout Hold) async throws(PatchEngineError) -> RunState {
    var state = state
    var journal = hold.journal
    let keeper = hold.keeper
    let (store, run) = (journal.store, journal.run)
    let (events, inbox) = AsyncStream<MachineEvent>.makeStream()
    let result: Result<Void, PatchEngineError> = await withDiscardingTaskGroup { group in
      group.addTask {
        await keeper.keep()
        if !Task.isCancelled { inbox.yield(.leaseLost) }
      }
      if let prober {
        group.addTask { [meter = performer.meter] in await prober.probe { meter.take($0) } }
      }
      group.addTask { await watchRequests(store, run, inbox) }
      defer {
        group.cancelAll()
        inbox.finish()
      }
      do throws(PatchEngineError) {
        var step = first
        var incoming = events.makeAsyncIterator()
        while true {
          if try await carryOut(step, &journal, keeper) { return .success(()) }
          for directive in step.directives { start(directive, in: &group, inbox) }
          guard let event = await incoming.next(), !Task.isCancelled else {
            throw PatchEngineError(.cancelled, "interrupted; run the same command again to go on")
          }
          logger.trace("event", metadata: ["event": "\(event)"])
          (state, step) = RunMachine.step(state, event, at: BootClock.now)
        }
      } catch { return .failure(error) }
    }
    hold.journal = journal
    try result.get()
    return state
  }

  /// Makes a step durable and tells it. Returns whether the run pauses or ends with it.
  private func carryOut(_ step: Step, _ journal: inout Journal, _ keeper: LeaseKeeper)
    async throws(PatchEngineError) -> Bool
  {
    if step.directives.contains(.standDown) {
      throw PatchEngineError(.fenced, "this coordinator lost its lease or was taken over, and stopped acting")
    }
    if !step.records.isEmpty { try await journal.append(step.records) { keeper.holds } }
    for record in step.records { emitter.tell(record) }
    for notice in step.notices { emitter.tell(notice) }
    return step.directives.contains(.finish)
  }

  private func start(
    _ directive: Directive,
    in group: inout DiscardingTaskGroup,
    _ inbox: AsyncStream<MachineEvent>.Continuation
  ) {
    let performer = performer
    group.addTask {
      if let event = await performer.perform(directive) { inbox.yield(event) }
    }
  }

  /// Follows what operators ask of this run.
  private func watchRequests(
    _ store: any FabricStore,
    _ run: String,
    _ inbox: AsyncStream<MachineEvent>.Continuation
  ) async {
    let key = RunKey.request(run)
    while !Task.isCancelled {
      do {
        let reading = try await store.read(.key(key), at: nil, limit: 1)
        for entry in reading.entries { take(entry, inbox) }
        for try await batch in store.watch(.key(key), from: reading.revision + 1) {
          for case .put(let entry) in batch.changes { take(entry, inbox) }
        }
      } catch {
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  private func take(_ entry: Entry, _ inbox: AsyncStream<MachineEvent>.Continuation) {
    guard let request = try? JSON.decode(RunRequest.self, entry.value, entry.key) else { return }
    switch request.kind {
    case .pause: inbox.yield(.pauseAsked(by: request.by, reason: request.reason))
    case .abort: inbox.yield(.abortAsked(by: request.by, reason: request.reason))
    }
  }
}
