import FabricRecords
import FabricStore
import FrontEndPoolDriver
import PoolDriving
import PoolModel
import PoolTesting
import Replication
import Synchronization
import Testing

@Suite("Stop, start, fail back, even", .timeLimit(.minutes(1)))
struct ReturnTests {
  private func takeOut(_ driver: FrontEndPoolDriver, _ server: ServerName = fe1) async throws {
    let epoch = try await driver.fabricState().epoch
    try await driver.failOver(
      server,
      act: act(1),
      epoch: epoch,
      drainTime: .seconds(1),
      deadline: soon()
    ) { _ in }
  }

  @Test("out, stopped, patched, started, back, even: the whole of it")
  func whole() async throws {
    try await withPool(servers: 3, groups: 9) { pool in
      let proven = Mutex<[String]>([])
      let driver = pool.driver { server, address in proven.withLock { $0.append("\(server) \(address)") } }
      try await takeOut(driver)
      try await driver.stop(fe1, act: act(2), deadline: soon())
      #expect(try await driver.fabricState().server(fe1)?.isUp == false)
      #expect(try await driver.version(of: fe1) == nil)
      await pool.setVersion("2.0.0")
      try await driver.start(fe1, act: act(3), deadline: soon())
      #expect(try await driver.version(of: fe1) == "2.0.0")
      guard case .out? = try await driver.fabricState().server(fe1)?.service else {
        Issue.record("not out after the start")
        return
      }
      try await driver.failBack(fe1, act: act(4), even: true, deadline: soon()) { _ in }
      let state = try await driver.fabricState()
      #expect(state.isHealthy)
      #expect(state.servers.map(\.primaries) == [3, 3, 3])
      #expect(proven.withLock { $0 } == ["fe1 sip-of-fe1"])
      // Ordered again, each answers at once.
      try await driver.start(fe1, act: act(3), deadline: soon(1))
      try await driver.failBack(fe1, act: act(4), even: true, deadline: soon(1)) { _ in }
    }
  }

  @Test("a stop of a frozen coordinator does not meet a server that is back in service")
  func frozenStop() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let driver = pool.driver()
      try await takeOut(driver)
      await pool.holdStops(true)
      async let stop: Void = driver.stop(fe1, act: act(2, generation: 10), deadline: soon())
      while await pool.heldStops == 0 { try await Task.sleep(for: .milliseconds(5)) }
      // The successor gives up, and brings back what never went down.
      let back = act(1, run: "run-2", generation: 11)
      try await driver.failBack(fe1, act: back, even: false, deadline: soon()) { _ in }
      await pool.holdStops(false)
      do {
        try await stop
        Issue.record("it was stopped")
      } catch let error as PoolDriverError {
        #expect(error.code == .fenced)
      }
      let state = try await driver.fabricState()
      #expect(state.server(fe1)?.isUp == true && state.server(fe1)?.service == .inService)
    }
  }

  @Test("a server that is in service is not stopped")
  func refusesToStop() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let driver = pool.driver()
      let error = await #expect(throws: PoolDriverError.self) {
        try await driver.stop(fe1, act: act(1), deadline: soon())
      }
      #expect(error?.code == .refused)
      #expect(await pool.isRunning(fe1))
    }
  }

  @Test("a process that does not stay is told soon, not at the deadline")
  func startFails() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let driver = pool.driver()
      try await takeOut(driver)
      try await driver.stop(fe1, act: act(2), deadline: soon())
      await pool.setStartsFail(true)
      let error = await #expect(throws: PoolDriverError.self) {
        try await driver.start(fe1, act: act(3), deadline: soon(30))
      }
      #expect(error?.code == .failed)
    }
  }

  @Test("replicas that do not catch up in time leave it out with the mark it had")
  func catchUpTimesOut() async throws {
    try await withPool(servers: 3, groups: 4) { pool in
      let driver = pool.driver()
      try await takeOut(driver)
      try await driver.stop(fe1, act: act(2), deadline: soon())
      await pool.setBehaviour(fe1) { $0.builds = false }
      try await driver.start(fe1, act: act(3), deadline: soon())
      let error = await #expect(throws: PoolDriverError.self) {
        try await driver.failBack(fe1, act: act(4), even: false, deadline: soon(0.5)) { _ in }
      }
      #expect(error?.code == .timedOut && error?.message.contains("0 of 4 replicas caught up") == true)
      guard case .out(let mark)? = try await driver.fabricState().server(fe1)?.service else {
        Issue.record("not out")
        return
      }
      #expect(mark.act == act(1).identity)
    }
  }

  @Test(
    "a proof that fails, or does not end, puts it out again with the mark it had",
    arguments: [true, false]
  )
  func proofFails(ends: Bool) async throws {
    try await withPool(servers: 3, groups: 6) { pool in
      let driver = pool.driver { (_, _) async throws(PoolDriverError) in
        if ends { throw PoolDriverError(.failed, "503 Service Unavailable") }
        try? await Task.sleep(for: .seconds(60))
      }
      try await takeOut(driver)
      let error = await #expect(throws: PoolDriverError.self) {
        try await driver.failBack(fe1, act: act(4), even: true, deadline: soon(ends ? 20 : 1)) { _ in }
      }
      #expect(error?.code == (ends ? .failed : .timedOut))
      #expect(error?.message.contains("out again") == true)
      let state = try await driver.fabricState()
      #expect(state.server(fe1)?.primaries == 0 && state.groupsWithoutPrimary.isEmpty)
      guard case .out(let mark)? = state.server(fe1)?.service else {
        Issue.record("not out")
        return
      }
      #expect(mark.act == act(1).identity)
    }
  }

  @Test("evening out moves as few as it must, and takes back what did not happen")
  func even() async throws {
    try await withPool(servers: 3, groups: 9) { pool in
      let driver = pool.driver()
      try await takeOut(driver)
      try await driver.failBack(fe1, act: act(2), even: false, deadline: soon()) { _ in }
      #expect(try await driver.fabricState().server(fe1)?.primaries == 0)
      for server in [fe2, fe3] { await pool.setBehaviour(server) { $0.handsOver = false } }
      let error = await #expect(throws: PoolDriverError.self) {
        try await driver.even(act: act(3), deadline: soon(0.5)) { _ in }
      }
      #expect(error?.code == .timedOut)
      let view = try await FabricView.read(from: pool.store)
      #expect(view.groups.values.allSatisfy { $0.record.preferredPrimary == nil })
      for server in [fe2, fe3] { await pool.setBehaviour(server) { $0.handsOver = true } }
      #expect(try await driver.even(act: act(4), deadline: soon()) { _ in } == 3)
      #expect(try await driver.even(act: act(5), deadline: soon()) { _ in } == 0)
      #expect(try await driver.fabricState().servers.map(\.primaries) == [3, 3, 3])
    }
  }

  @Test("evening out plans anew when a target vanishes")
  func evenReplans() async throws {
    try await withPool(servers: 3, groups: 9) { pool in
      let driver = pool.driver()
      try await takeOut(driver)
      try await driver.failBack(fe1, act: act(2), even: false, deadline: soon()) { _ in }
      for server in [fe2, fe3] { await pool.setBehaviour(server) { $0.handsOver = false } }
      async let moved = driver.even(act: act(3), deadline: soon()) { _ in }
      let store = MemoryFabricStore(on: pool.store.fabric)
      try await FabricFollower(store: store).first(by: soon()) { image in
        image.view.groups.values.contains { $0.record.preferredPrimary == fe1 } ? () : nil
      }
      await pool.kill(fe1)
      #expect(try await moved == 0)
      let view = try await FabricView.read(from: store)
      #expect(view.groups.values.allSatisfy { $0.record.preferredPrimary == nil })
    }
  }
}
