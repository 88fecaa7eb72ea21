import FabricStore
import Foundation
import PatchEngine
import PatchRun
import PoolDriving
import PoolModel
import PoolTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct ClaimTests {
  /// Holds a verb until it is let go.
  final class Brake: Sendable {
    private let isHeld = Mutex(true)
    private let hasArrived = Mutex(false)
    func hold() async {
      hasArrived.withLock { $0 = true }
      while isHeld.withLock({ $0 }), !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
    }
    func letGo() { isHeld.withLock { $0 = false } }
    func arrival() async {
      while !hasArrived.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(5)) }
    }
  }

  @Test func aSecondActorIsToldWhoHoldsThePool() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let brake = Brake()
    let first = world.engine(leaseTime: .seconds(3)) { verb, _ in if verb == "stop" { await brake.hold() } }
    let run = Task { try await first.patch(progress: world.progress) }
    await brake.arrival()
    for attempt in 0..<3 {
      do throws(PatchEngineError) {
        let second = world.engine(by: "bob@desk", leaseTime: .seconds(3))
        switch attempt {
        case 0: _ = try await second.patch(progress: world.progress)
        case 1: _ = try await second.failOver(ServerName("fe2"), progress: world.progress)
        default: _ = try await second.failBack(ServerName("fe1"), progress: world.progress)
        }
        Issue.record("a second actor was let in")
      } catch {
        #expect(error.code == .claimed)
        #expect(error.exitCode == .refused)
        #expect(error.message.contains("ann@ops"))
      }
    }
    brake.letGo()
    #expect(try await run.value.exitCode == .done)
  }

  /// The coordinator is cut off after every record in turn; another process waits its lease out and goes on.
  @Test(arguments: [3, 6, 9, 12, 17, 24, 31, 38]) func goesOnAfterAKill(_ writes: Int) async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let store = world.fabric.client()
    let engine = world.engine(store: store, leaseTime: .seconds(3)) { _, _ in
      if store.faults.commitCount >= writes { store.faults.partition() }
    }
    // A coordinator that cannot reach the store is as good as dead: it stops by itself.
    let dead = try? await engine.patch(progress: world.progress)
    guard dead == nil else { return }
    let report = try await world.engine(leaseTime: .seconds(20)).resume(progress: world.progress)
    #expect(report.outcome == .finished)
    #expect(report.exitCode == .done)
    #expect(report.coordinators.count == 2)
    #expect(world.isPatched)
  }

  @Test func aCoordinatorThatWasTakenOverIsFenced() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let brake = Brake()
    let store = world.fabric.client()
    let sleeper = world.engine(store: store, leaseTime: .seconds(3)) { verb, server in
      if verb == "stop", server == ServerName("fe1") || verb == "stop" { await brake.hold() }
    }
    let run = Task { () -> PatchEngineError? in
      do throws(PatchEngineError) {
        _ = try await sleeper.patch(progress: { _ in })
        return nil
      } catch { return error }
    }
    await brake.arrival()
    store.faults.partition()
    let next = world.engine(by: "bob@desk")
    let deadline = ContinuousClock.now + .seconds(20)
    var report: RunReport?
    while report == nil, ContinuousClock.now < deadline {
      report = try? await next.resume(progress: world.progress)
      if report == nil { try await Task.sleep(for: .milliseconds(100)) }
    }
    #expect(report?.exitCode == .done)
    let done = world.pool.performed.count
    store.faults.partition(false)
    brake.letGo()
    let error = await run.value
    #expect(error?.code == .fenced || error?.code == .unreachable)
    try await Task.sleep(for: .milliseconds(100))
    #expect(world.pool.performed.count == done, "the stale coordinator acted")
    #expect(world.isPatched)
  }

  @Test func pauseAndAbort() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let brake = Brake()
    let engine = world.engine { verb, _ in if verb == "stop" { await brake.hold() } }
    let run = Task { try await engine.patch(progress: world.progress) }
    await brake.arrival()
    let other = world.engine(by: "bob@desk")
    let summary = try await other.pause(reason: "lunch")
    #expect(summary.isLive)
    try await world.news.arrival { $0.message.hasPrefix("no further server is begun") }
    brake.letGo()
    let report = try await run.value
    #expect(report.outcome == .paused("paused by bob@desk: lunch"))
    #expect(report.exitCode == .stopped)
    #expect(report.servers.count { $0.outcome == .done } == 1)
    #expect(try world.pool.fabricState().isHealthy)
    let aborted = try await other.abort(reason: "enough", progress: world.progress)
    #expect(aborted.run == report.run)
    guard case .abandoned = aborted.outcome else {
      Issue.record("\(aborted.outcome)")
      return
    }
    #expect(try world.pool.fabricState().isHealthy)
    await #expect(throws: PatchEngineError.self) { try await other.abort(reason: "", progress: { _ in }) }
    // The pool is free again.
    #expect(try await other.patch(progress: world.progress).exitCode == .done)
  }

  @Test func aPausedRunIsResumedOnce() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let brake = Brake()
    let engine = world.engine { verb, _ in if verb == "stop" { await brake.hold() } }
    let run = Task { try await engine.patch(progress: world.progress) }
    await brake.arrival()
    _ = try await world.engine(by: "bob@desk").pause(reason: "lunch")
    try await world.news.arrival { $0.message.hasPrefix("no further server is begun") }
    brake.letGo()
    #expect(try await run.value.exitCode == .stopped)
    // A manual act has to wait until the run is over or given up.
    await #expect(throws: PatchEngineError.self) {
      try await world.engine().failOver(ServerName("fe1"), progress: world.progress)
    }
    let report = try await world.engine(by: "bob@desk").resume(progress: world.progress)
    #expect(report.outcome == .finished)
    #expect(world.isPatched)
  }

  @Test func goingOnWithAnotherTargetIsRefusedAndApprovalCounts() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let bad = try await world.engine(world.step(apply: "exit 1")).patch(progress: world.progress)
    #expect(bad.exitCode == .stopped)
    do throws(PatchEngineError) {
      _ = try await world.engine().patch(PatchOptions(target: "3.0"), progress: world.progress)
      Issue.record("another target was taken")
    } catch {
      #expect(error.code == .claimed)
      #expect(error.message.contains("target 2.0, not 3.0"))
    }
    // Meanwhile two servers die: the resumed run refuses without an approval and recovers with one.
    for server in ["fe2", "fe3"] { world.pool.change(.kill(ServerName(server))) }
    let refused = try await world.engine().patch(progress: world.progress)
    #expect(refused.exitCode == .stopped)
    #expect(refused.recovery == nil)
    let revive = Task {
      try await world.news.arrival { $0.message.hasPrefix("recovered") }
      for server in ["fe2", "fe3"] { world.pool.change(.revive(ServerName(server))) }
    }
    let report = try await world.engine()
      .patch(PatchOptions(recoverApproved: "bob@desk"), progress: world.progress)
    try await revive.value
    #expect(report.recovery?.approvedBy == "bob@desk")
    #expect(report.outcome == .finished)
    #expect(world.isPatched)
  }

  @Test func abortOfALiveRunBringsTheServerBack() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let brake = Brake()
    let engine = world.engine { verb, _ in if verb == "stop" { await brake.hold() } }
    let run = Task { try await engine.patch(progress: world.progress) }
    await brake.arrival()
    let other = world.engine(by: "bob@desk")
    let abort = Task { try await other.abort(reason: "stop it", progress: { _ in }) }
    try await world.news.arrival { $0.message.hasPrefix("given up by") }
    brake.letGo()
    guard case .abandoned = try await run.value.outcome else {
      Issue.record("not abandoned")
      return
    }
    guard case .abandoned = try await abort.value.outcome else {
      Issue.record("not abandoned")
      return
    }
    #expect(try world.pool.fabricState().isHealthy)
    #expect(world.pool.performed.count { $0.verb == "stop" } == 1)
  }

  @Test func aTamperedJournalIsRefused() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let report = try await world.engine().patch(progress: world.progress)
    let store = world.fabric.client()
    let key = "run/\(report.run)/record/000007"
    let entry = try #require(try await store.read(key))
    let text = String(decoding: entry.value, as: UTF8.self).replacingOccurrences(of: "fe", with: "fx")
    _ = try await store.commit(FabricTransaction(then: [.put(key, Array(text.utf8))]))
    do throws(PatchEngineError) {
      _ = try await world.engine().show(report.run)
      Issue.record("a tampered journal was read")
    } catch {
      #expect(error.code == .journal)
      #expect(error.exitCode == .badFile)
      #expect(error.message.contains("record 7"))
    }
  }
}
