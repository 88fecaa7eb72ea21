import PoolModel
import Testing

@testable import FrontEnd

@Suite("Clients of a server that goes out", .serialized, .timeLimit(.minutes(1)))
struct DrainTests {
  private func leave(_ fake: FakePool) async throws {
    let mark = OutMark(by: "test", reason: "test", since: PoolTime(milliseconds: 1))
    try await fake.change { $0.services[ServerName("fe1")] = .leaving(mark) }
  }

  /// Two servers, of which the second leads everything.
  private func with(drainTime: Duration, _ body: (TestPool, FakePool) async throws -> Void) async throws {
    let leaders = Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, ServerName("fe2")) })
    let fake = FakePool(groups: 8, leaders: leaders)
    try await TestPool.with(2, fake: fake, tune: { $0.drainTime = drainTime }) { try await body($0, fake) }
  }

  @Test("a client with a subscription is registered elsewhere before its connection is closed")
  func moves() async throws {
    try await with(drainTime: .seconds(30)) { pool, fake in
      let phone = try await Phone.tcp(to: pool.sip(0))
      let user = TestUser("alice", phone)
      #expect(try await phone.ask(user.register())?.status == 200)
      #expect(try await phone.ask(SubscriptionTests.subscribe(user, to: "alice"))?.status == 200)
      _ = try await SubscriptionTests.notify(phone)
      try await leave(fake)
      var told = try #require(try await SubscriptionTests.notify(phone))
      #expect(told.header("Subscription-State")?.hasPrefix("active") == true)
      let body = await phone.receive()
      #expect(body?.contains("event=\"deactivated\"") == true, "\(body ?? "nothing")")
      // It is registered still, and reached where it was.
      #expect(phone.isOpen)
      #expect(fake.read { $0.records["sip:alice@example.com"] != nil })
      // Here it is turned away, elsewhere it is taken.
      let refused = try #require(try await phone.ask(user.register(cseq: 2)))
      #expect(refused.status == 503 && refused.header("Retry-After") != nil)
      #expect(phone.isOpen)
      let other = try await Phone.tcp(to: pool.sip(1))
      #expect(
        try await other.ask(TestUser("alice", other).register(cseq: 3, contact: "<\(user.contact)>"))?.status
          == 200
      )
      told = try #require(try await SubscriptionTests.notify(phone))
      #expect(told.header("Subscription-State") == "terminated;reason=deactivated")
      try await pool.eventually("it is closed") { !phone.isOpen }
      try await pool.eventually("it is drained") { fake.read { $0.drained.contains(ServerName("fe1")) } }
      let state = try await pool.servers[0].snapshot()
      #expect(state.clientsMoved == 1 && state.clientsNotMoved == 0)
      await other.close()
    }
  }

  @Test("a client that has its subscription at another server is told there")
  func elsewhere() async throws {
    try await with(drainTime: .seconds(30)) { pool, fake in
      let phone = try await Phone.tcp(to: pool.sip(0))
      let watcher = try await Phone.tcp(to: pool.sip(1))
      let user = TestUser("alice", watcher)
      let contact = "<\(user.contact);transport=tcp>"
      #expect(try await phone.ask(TestUser("alice", phone).register(contact: contact))?.status == 200)
      #expect(try await watcher.ask(SubscriptionTests.subscribe(user, to: "alice"))?.status == 200)
      _ = try await SubscriptionTests.notify(watcher)
      try await leave(fake)
      let told = try #require(try await SubscriptionTests.notify(watcher))
      #expect(told.header("Subscription-State")?.hasPrefix("active") == true)
      let body = await watcher.receive()
      #expect(body?.contains("event=\"deactivated\"") == true, "\(body ?? "nothing")")
      #expect(try await watcher.ask(user.register(cseq: 2, contact: contact))?.status == 200)
      try await pool.eventually("its old connection is closed") { !phone.isOpen }
      let state = try await pool.servers[0].snapshot()
      #expect(state.clientsMoved == 1 && state.clientsNotMoved == 0)
      await watcher.close()
    }
  }

  @Test("a client that does not move is waited for, no longer than the drain time, and counted")
  func stays() async throws {
    try await with(drainTime: .seconds(1)) { pool, fake in
      let phone = try await Phone.tcp(to: pool.sip(0))
      #expect(try await phone.ask(TestUser("bob", phone).register())?.status == 200)
      let idle = try await Phone.tcp(to: pool.sip(0))
      try await pool.eventually("both are there") { try await pool.servers[0].snapshot().streams == 2 }
      let began = ContinuousClock.now
      try await leave(fake)
      try await pool.eventually("the idle one is closed") { !idle.isOpen }
      try await pool.eventually("the other is closed") { !phone.isOpen }
      #expect(ContinuousClock.now - began >= .milliseconds(500))
      try await pool.eventually("it is drained") { fake.read { $0.drained.contains(ServerName("fe1")) } }
      let state = try await pool.servers[0].snapshot()
      #expect(state.clientsMoved == 0 && state.clientsNotMoved == 1)
    }
  }

  @Test("turns are spread over the time")
  func turns() {
    #expect(Drain.due(10, .zero, of: .seconds(10)) == 1)
    #expect(Drain.due(10, .seconds(5), of: .seconds(10)) == 6)
    #expect(Drain.due(10, .seconds(10), of: .seconds(10)) == 10)
    #expect(Drain.due(10, .zero, of: .zero) == 10)
    #expect(Drain.due(0, .zero, of: .seconds(1)) == 0)
  }
}
