import FabricStore
import PatchRun
import PoolDriving
import PoolModel
import PoolTesting
import Testing

@testable import PatchEngine

/// The fences one by one: the journal's, and the lease's own deadline.
@Suite(.timeLimit(.minutes(5))) struct FenceTests {
  private func claiming(
    _ store: any FabricStore,
    _ name: String,
    leaseTime: Duration = .seconds(30)
  ) -> Claiming {
    Claiming(store: store, operatorName: name, leaseTime: leaseTime)
  }

  @Test func aJournalThatWasTakenOverCannotBeWritten() async throws {
    let fabric = MemoryFabric()
    let store = fabric.client()
    let clock = PoolClock(base: PoolTime(milliseconds: 0))
    var old = try await claiming(store, "ann@ops").take(run: "r", kind: .patch, servers: [], clock: clock)
    try await old.journal.append([.warned(nil, "one")]) { true }
    // Its lease ends without a word to it.
    try await store.revoke(old.keeper.grant.id)
    await #expect(throws: PatchEngineError.self) {
      try await old.journal.append([.warned(nil, "late")]) { true }
    }
    guard case .orphaned(let claim, let revision) = try await claiming(store, "bob@desk").state() else {
      Issue.record("the claim is not orphaned")
      return
    }
    let (entries, chain) = try await JournalReader(store: store).entries("r")
    #expect(entries.count == 1)
    var new = try await claiming(store, "bob@desk")
      .takeOver(claim, revision: revision, count: entries.count, chain: chain, clock: clock)
    #expect(new.claim.generation > old.claim.generation)
    do throws(PatchEngineError) {
      try await old.journal.append([.warned(nil, "later")]) { true }
      Issue.record("a stale coordinator wrote")
    } catch { #expect(error.code == .fenced) }
    try await new.journal.append([.warned(nil, "two")]) { true }
    let all = try await JournalReader(store: store).entries("r").entries
    #expect(all.map(\.record) == [.warned(nil, "one"), .warned(nil, "two")])
    // Who is late to take over finds the claim changed.
    do throws(PatchEngineError) {
      _ = try await claiming(store, "eve@desk")
        .takeOver(claim, revision: revision, count: 1, chain: chain, clock: clock)
      Issue.record("taken over twice")
    } catch { #expect(error.code == .claimed) }
  }

  @Test func aWriteWhoseAnswerWasLostIsNotWrittenTwice() async throws {
    let fabric = MemoryFabric()
    let store = fabric.client()
    let clock = PoolClock(base: PoolTime(milliseconds: 0))
    var hold = try await claiming(store, "ann@ops").take(run: "r", kind: .patch, servers: [], clock: clock)
    for isApplied in [true, false] {
      store.faults.failNextCommit(outcome: .unknown, isApplied: isApplied)
      try await hold.journal.append([.warned(nil, "\(isApplied)")]) { true }
    }
    let all = try await JournalReader(store: store).entries("r").entries
    #expect(all.map(\.record) == [.warned(nil, "true"), .warned(nil, "false")])
  }

  @Test func nothingIsDoneWhenTheLeaseMayHaveRunOut() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let store = world.fabric.client()
    let clock = PoolClock(base: PoolTime(milliseconds: 0))
    let hold = try await claiming(store, "ann@ops", leaseTime: .seconds(5))
      .take(run: "r", kind: .patch, servers: [], clock: clock)
    let performer = Performer(
      driver: MemoryPoolDriver(world.pool),
      commands: CommandRunner(
        step: world.step(),
        pool: PoolName("test"),
        target: "2.0",
        before: [:],
        log: RunLog(directory: nil, run: "r")
      ),
      run: "r",
      operatorName: "ann@ops",
      kind: .patch,
      keeper: hold.keeper,
      clock: clock,
      emitter: Emitter(run: "r", clock: clock) { _ in },
      seeds: SeedWatch(store: store) { _ in nil },
      windows: try MaintenanceWindows([]),
      meter: ProbeMeter()
    )
    let stop = Directive.start(ServerName("fe1"), sequence: 1, within: .seconds(1))
    let apply = Directive.command(.apply, ServerName("fe1"), sequence: 2, attempt: 1, within: .seconds(5))
    #expect(await performer.perform(stop) == .succeeded(sequence: 1, .done))
    // The store cannot be reached: the lease holds until its own deadline here, and not longer.
    store.faults.partition()
    let keep = Task { await hold.keeper.keep() }
    await keep.value
    #expect(!hold.keeper.holds)
    #expect(await performer.perform(stop) == .leaseLost)
    #expect(await performer.perform(apply) == .leaseLost)
    #expect(world.pool.performed.count == 1)
  }
}
