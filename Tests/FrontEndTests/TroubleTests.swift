import FabricRecords
import FabricStore
import PoolModel
import PoolTesting
import Replication
import Synchronization
import Testing

@testable import FrontEnd

/// Clients that go on registering while servers come and go: each moves to the next server on 503 and after 500 ms of
/// silence.
private final class Crowd: Sendable {
  struct Counts {
    var acknowledged: [String: Int] = [:]
    var failed = 0
    var longestGap = Duration.zero
    var refused = 0
  }

  private let counts = Mutex(Counts())
  private let isOver = Mutex(false)

  func stop() { isOver.withLock { $0 = true } }
  var result: Counts { counts.withLock { $0 } }

  func run(_ number: Int, _ servers: [Endpoint]) async throws {
    var phones: [Phone] = []
    for server in servers { phones.append(try await Phone.udp(to: server)) }
    var at = number % phones.count
    var cseq = 0
    let user = TestUser("crowd\(number)", phones[0])
    while !isOver.withLock({ $0 }) {
      cseq += 1
      let begin = ContinuousClock.now
      var isDone = false
      while !isDone, ContinuousClock.now - begin < .seconds(10) {
        try await phones[at].send(user.register(cseq: cseq))
        let status = await answer(to: cseq, at: phones[at])
        if status == 503 { counts.withLock { $0.refused += 1 } }
        isDone = status == 200
        if !isDone { at = (at + 1) % phones.count }
      }
      let gap = ContinuousClock.now - begin
      counts.withLock { counts in
        if isDone { counts.acknowledged[user.name] = cseq } else { counts.failed += 1 }
        counts.longestGap = max(counts.longestGap, gap)
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    for phone in phones { await phone.close() }
  }

  private func answer(to cseq: Int, at phone: Phone) async -> Int? {
    let end = ContinuousClock.now + .milliseconds(500)
    while ContinuousClock.now < end {
      guard let text = await phone.receive(within: end - ContinuousClock.now) else { return nil }
      if text.header("CSeq") == "\(cseq) REGISTER" { return text.status }
    }
    return nil
  }
}

@Suite("A pool in trouble", .timeLimit(.minutes(1)), .serialized)
struct TroubleTests {
  /// Marks a server as the pool's driver does.
  private func crowd(
    _ pool: TestPool,
    _ count: Int,
    during trouble: () async throws -> Void
  ) async throws -> Crowd.Counts {
    let crowd = Crowd()
    let servers = try (0..<pool.servers.count).map { try pool.sip($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<count { group.addTask { try await crowd.run(number, servers) } }
      try await Task.sleep(for: .milliseconds(300))
      try await trouble()
      try await Task.sleep(for: .milliseconds(300))
      crowd.stop()
      try await group.waitForAll()
    }
    return crowd.result
  }

  /// Every binding that was acknowledged is shown by every server.
  private func audit(_ pool: TestPool, _ users: some Sequence<String>, at index: Int) async throws {
    let phone = try await Phone.udp(to: pool.sip(index))
    for name in users {
      let user = TestUser(name, phone)
      let answer = try #require(try await phone.ask(user.register(cseq: 9_999, expires: nil)))
      #expect(answer.status == 200)
      #expect(answer.header("Contact")?.contains("sip:\(name)@") == true, "\(name) is lost")
    }
    await phone.close()
  }

  @Test(
    "a planned fail-over loses no request: its groups move, its clients are turned to others, it is drained"
  )
  func planned() async throws {
    try await TestPool.with(3) { pool in
      let name = ServerName("fe1")
      let counts = try await crowd(pool, 12) {
        let by = OutMark(by: "test", reason: "patch", since: PoolTime(milliseconds: 1))
        try await pool.mark(name, .leaving(by))
        try await pool.eventually("it leads nothing") {
          try await pool.servers[0].snapshot().groupsLed.isEmpty
        }
        try await pool.eventually("it is drained") {
          let entry = try await pool.fabric.client().read(FabricKey.live(name).text)
          return try entry.map { try FabricCodec.decodeLive($0.value, name: name).drained } ?? false
        }
        try await pool.mark(name, .inService)
        try await pool.eventually("it serves again") { try await pool.servers[0].snapshot().isReady }
      }
      #expect(counts.failed == 0)
      #expect(counts.acknowledged.count == 12)
      #expect(counts.longestGap < .milliseconds(1_500), "\(counts.longestGap)")
      for index in 0..<3 { try await audit(pool, counts.acknowledged.keys, at: index) }
    }
  }

  @Test(
    "a server cut off from the store acknowledges nothing, and another takes over within the lease's time"
  )
  func cutOff() async throws {
    try await TestPool.with(3) { pool in
      let counts = try await crowd(pool, 12) {
        pool.stores[0].faults.partition()
        try await pool.eventually("the others lead all groups") {
          var led = 0
          for index in 1...2 { led += try await pool.servers[index].snapshot().groupsLed.count }
          return led == 8
        }
        #expect(try await pool.servers[0].snapshot().groupsLed.isEmpty)
      }
      #expect(counts.failed == 0)
      #expect(counts.longestGap < .seconds(4), "\(counts.longestGap)")
      for index in 1...2 { try await audit(pool, counts.acknowledged.keys, at: index) }
      pool.stores[0].faults.partition(false)
      try await pool.eventually("it is back") { try await pool.servers[0].snapshot().isReady }
      try await audit(pool, counts.acknowledged.keys, at: 0)
    }
  }

  @Test("a commit that fails is 503, and what was not acknowledged is told as it is")
  func storeFails() async throws {
    try await TestPool.with(1) { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("paul", phone)
      pool.stores[0].faults.partition()
      try await phone.send(user.register())
      let answer = await phone.receive(within: .seconds(5))
      #expect(answer?.status == 503)
      #expect(answer?.header("Retry-After") != nil)
      pool.stores[0].faults.partition(false)
      try await pool.eventually("serves again") {
        try await phone.ask(user.register(cseq: TestUser.unique() + 100))?.status == 200
      }
      await phone.close()
    }
  }
}
