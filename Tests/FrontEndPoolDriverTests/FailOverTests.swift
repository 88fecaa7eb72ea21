import FabricRecords
import FabricStore
import FrontEndPoolDriver
import PoolDriving
import PoolModel
import PoolTesting
import Replication
import Synchronization
import Testing

@Suite("Fail-over", .timeLimit(.minutes(1)))
struct FailOverTests {
  private func failOver(
    _ driver: FrontEndPoolDriver,
    _ server: ServerName = fe1,
    act: Act,
    epoch: UInt64? = nil,
    deadline: ContinuousClock.Instant = soon(),
    progress: @Sendable (DriverProgress) -> Void = { _ in }
  ) async throws {
    var epoch = epoch
    if epoch == nil { epoch = try await driver.fabricState().epoch }
    try await driver.failOver(
      server,
      act: act,
      epoch: epoch ?? 0,
      drainTime: .seconds(1),
      deadline: deadline,
      progress: progress
    )
  }

  @Test("the server leads nothing, is drained and is marked out with the act")
  func whole() async throws {
    try await withPool(servers: 3, groups: 8) { pool in
      let driver = pool.driver()
      let said = Mutex<[DriverProgress]>([])
      let before = try await driver.fabricState()
      #expect(before.isHealthy && before.serversNeeded == 2)
      let led = before.server(fe1)?.primaries
      try await failOver(driver, act: act(1)) { news in said.withLock { $0.append(news) } }
      let after = try await driver.fabricState()
      #expect(after.server(fe1)?.primaries == 0 && after.server(fe1)?.drained == true)
      #expect(after.groupsWithoutPrimary.isEmpty && after.missingReplicas == 0)
      guard case .out(let mark)? = after.server(fe1)?.service else {
        Issue.record("not out")
        return
      }
      #expect(mark.act == act(1).identity && mark.by == "root@test" && mark.drainTime == .seconds(1))
      #expect(after.epoch > before.epoch)
      let news = said.withLock { $0 }
      #expect(news.contains { $0.total == led } && Set(news).count == news.count)
      // Once more: it answers at once.
      try await failOver(driver, act: act(1), epoch: 0, deadline: soon(2))
    }
  }

  @Test("an epoch that has moved on stops it before the mark")
  func epochChanged() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let driver = pool.driver()
      let epoch = try await driver.fabricState().epoch
      _ = try await pool.store.commit(FabricUpdate(when: [], write: [.epoch]).transaction())
      let error = await #expect(throws: PoolDriverError.self) {
        try await failOver(driver, act: act(1), epoch: epoch)
      }
      #expect(error?.code == .epochChanged)
      let state = try await driver.fabricState()
      #expect(state.server(fe1)?.service == .inService)
    }
  }

  @Test("a change that comes in between the look and the mark stops it too")
  func epochRace() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let driver = pool.driver()
      let epoch = try await driver.fabricState().epoch
      // The mark's commit waits while another writer raises the epoch.
      let other = MemoryFabricStore(on: pool.store.fabric)
      _ = try await pool.store.commit(
        FabricTransaction(then: [.put("acts/generation", FabricCodec.encode(generation: 10))])
      )
      pool.store.faults.delayCommits(by: .milliseconds(300))
      async let outcome: Void = failOver(driver, act: act(1), epoch: epoch)
      try await Task.sleep(for: .milliseconds(100))
      _ = try await other.commit(FabricUpdate(when: [], write: [.epoch]).transaction())
      do {
        try await outcome
        Issue.record("it went on")
      } catch let error as PoolDriverError {
        #expect(error.code == .epochChanged)
      }
      let state = try await driver.fabricState()
      #expect(state.server(fe1)?.service == .inService)
    }
  }

  @Test("a server that does not hand over in time is put back in service")
  func timeOut() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      await pool.setBehaviour(fe1) { $0.handsOver = false }
      let driver = pool.driver()
      let error = await #expect(throws: PoolDriverError.self) {
        try await failOver(driver, act: act(1), deadline: soon(0.5))
      }
      #expect(error?.code == .timedOut)
      #expect(error?.message.contains("back in service") == true)
      let state = try await driver.fabricState()
      #expect(state.server(fe1)?.service == .inService)
    }
  }

  @Test("a server whose clients do not go in time is put back in service")
  func drainTimeOut() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      await pool.setBehaviour(fe1) { $0.drains = false }
      let driver = pool.driver()
      let error = await #expect(throws: PoolDriverError.self) {
        try await failOver(driver, act: act(1), deadline: soon(3))
      }
      #expect(error?.code == .timedOut && error?.message.contains("clients") == true)
      let state = try await driver.fabricState()
      #expect(state.server(fe1)?.service == .inService)
    }
  }

  @Test("another run's mark is refused, and left alone")
  func otherRun() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let driver = pool.driver()
      try await failOver(driver, act: act(1))
      let error = await #expect(throws: PoolDriverError.self) {
        try await failOver(driver, act: act(1, run: "run-2"))
      }
      #expect(error?.code == .refused)
      #expect(try await driver.fabricState().server(fe1)?.service.mark?.act?.run == "run-1")
    }
  }

  @Test("an old coordinator is fenced, and so is one that becomes old while it waits")
  func fenced() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let driver = pool.driver()
      await pool.setBehaviour(fe1) { $0.drains = false }
      async let outcome: Void = failOver(driver, act: act(1, generation: 10))
      try await pool.wait { $0.server(fe1).map { !$0.service.isInService && $0.primaries == 0 } ?? false }
      // A newer coordinator acts: only then does the server drain.
      _ = try await driver.even(act: act(1, run: "run-2", generation: 11), deadline: soon()) { _ in }
      await pool.setBehaviour(fe1) { $0.drains = true }
      _ = try await pool.store.commit(FabricUpdate(when: [], write: [.epoch]).transaction())
      do {
        try await outcome
        Issue.record("it went on")
      } catch let error as PoolDriverError {
        #expect(error.code == .fenced)
      }
      #expect(try await driver.fabricState().server(fe1)?.service.isInService == false)
      let error = await #expect(throws: PoolDriverError.self) {
        try await failOver(driver, fe2, act: act(2, generation: 10))
      }
      #expect(error?.code == .fenced)
    }
  }

  @Test("a coordinator that died in the middle is followed by one that completes it")
  func resumed() async throws {
    try await withPool(servers: 3, groups: 8) { pool in
      let driver = pool.driver()
      await pool.setBehaviour(fe1) { $0.handsOver = false }
      let first = Task { try await failOver(driver, act: act(1)) }
      try await pool.wait { $0.server(fe1)?.service.mark != nil }
      first.cancel()
      _ = await first.result
      #expect(try await driver.fabricState().server(fe1)?.service.mark != nil)
      await pool.setBehaviour(fe1) { $0.handsOver = true }
      _ = try await pool.store.commit(FabricUpdate(when: [], write: [.epoch]).transaction())
      try await failOver(driver, act: act(1, generation: 11), epoch: 0)
      guard case .out? = try await driver.fabricState().server(fe1)?.service else {
        Issue.record("not out")
        return
      }
    }
  }

  @Test("a server that is killed in the middle goes out once others lead its groups")
  func killed() async throws {
    try await withPool(servers: 3, groups: 8) { pool in
      await pool.setBehaviour(fe1) { $0.handsOver = false }
      let driver = pool.driver()
      async let outcome: Void = failOver(driver, act: act(1))
      try await pool.wait { $0.server(fe1)?.service.mark != nil }
      await pool.kill(fe1)
      try await outcome
      let state = try await driver.fabricState()
      #expect(state.groupsWithoutPrimary.isEmpty && state.server(fe1)?.isUp == false)
      guard case .out? = state.server(fe1)?.service else {
        Issue.record("not out")
        return
      }
    }
  }

  @Test("by force the last server goes, when its drain time is over")
  func forced() async throws {
    try await withPool(servers: 1, groups: 4) { pool in
      let driver = pool.driver()
      let error = await #expect(throws: PoolDriverError.self) {
        try await failOver(driver, act: act(1), deadline: soon(0.5))
      }
      #expect(error?.code == .timedOut)
      try await failOver(driver, act: act(2, forced: true))
      guard case .out(let mark)? = try await driver.fabricState().server(fe1)?.service else {
        Issue.record("not out")
        return
      }
      #expect(mark.forced)
    }
  }

  @Test("commits whose outcome is unknown are read back")
  func unknownOutcome() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let driver = pool.driver()
      _ = try await driver.even(act: act(1), deadline: soon()) { _ in }
      for isApplied in [true, false, true, true] {
        pool.store.faults.failNextCommit(outcome: .unknown, isApplied: isApplied)
      }
      try await failOver(driver, act: act(1))
      guard case .out? = try await driver.fabricState().server(fe1)?.service else {
        Issue.record("not out")
        return
      }
    }
  }

  @Test("an unknown server, and a fabric of another pool")
  func unknown() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let error = await #expect(throws: PoolDriverError.self) {
        try await failOver(pool.driver(), ServerName("fe9"), act: act(1))
      }
      #expect(error?.code == .unknownServer)
      let stranger = FrontEndPoolDriver(pool: PoolName("x"), store: pool.store, control: pool) { (_, _) in }
      let other = await #expect(throws: PoolDriverError.self) { try await stranger.fabricState() }
      #expect(other?.code == .refused)
    }
  }
}
