import FabricStore
import PoolModel
import Testing

@testable import FrontEnd

@Suite("A pool of Front End servers", .timeLimit(.minutes(1)))
struct PoolTests {
  @Test("a REGISTER that reaches another server than the primary is passed on and answered")
  func passedOn() async throws {
    try await TestPool.with(3) { pool in
      for index in 0..<3 {
        let name = try await pool.userLedElsewhere(than: index, prefix: "user\(index)x")
        let phone = try await Phone.udp(to: pool.sip(index))
        let user = TestUser(name, phone)
        let answer = try #require(try await phone.ask(user.register()))
        #expect(answer.status == 200)
        #expect(answer.header("Via")?.contains("rport=\(phone.port)") == true)
        // Any other server shows the binding.
        let other = try await Phone.udp(to: pool.sip((index + 1) % 3))
        let query = try #require(try await other.ask(user.register(cseq: 2, expires: nil)))
        #expect(query.header("Contact")?.contains(user.contact) == true)
        await phone.close()
        await other.close()
      }
      #expect(pool.servers[0].metrics.exposition().contains("quorate_passed_on_total 1\n") == false)
    }
  }

  @Test("an exact repeat at another server has no further effect and the same answer")
  func repeats() async throws {
    try await TestPool.with(2) { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("rita", phone)
      let text = user.register()
      let first = try #require(try await phone.ask(text))
      let other = try await Phone.udp(to: pool.sip(1))
      let again = try #require(try await other.ask(text))
      #expect(again.status == 200)
      #expect(again.header("To") == first.header("To"))
      await phone.close()
      await other.close()
    }
  }

  @Test(
    "a MESSAGE is routed to a user who registered over UDP or TCP at another server",
    arguments: [false, true]
  )
  func routed(stream: Bool) async throws {
    try await TestPool.with(2) { pool in
      let callee = try await stream ? Phone.tcp(to: pool.sip(1)) : Phone.udp(to: pool.sip(1))
      let bob = TestUser("bob", callee)
      #expect(try await callee.ask(bob.register())?.status == 200)
      let caller = try await Phone.udp(to: pool.sip(0))
      let alice = TestUser("alice", caller)
      try await caller.send(alice.request("MESSAGE", "sip:bob@example.com", to: "bob"))
      let received = try #require(await callee.receive())
      #expect(received.hasPrefix("MESSAGE \(bob.contact) SIP/2.0"))
      #expect(received.header("Max-Forwards") == "69")
      // The answer goes to the topmost Via, over UDP.
      try await callee.send(Self.response(200, to: received), to: try pool.sip(0))
      let answer = try #require(await caller.receive())
      #expect(answer.status == 200)
      #expect(answer.header("Via")?.contains("127.0.0.1:\(caller.port)") == true)
      await callee.close()
      await caller.close()
    }
  }

  /// Two servers on a fabric in a dictionary: the first four groups are led by fe1, the others by fe2.
  static func fakePair() -> FakePool {
    FakePool(
      groups: 8,
      leaders: Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, ServerName($0 < 4 ? "fe1" : "fe2")) })
    )
  }

  static func user(in groups: Range<Int>, _ prefix: String) -> String {
    (0..<1_000).map { "\(prefix)\($0)" }.first { groups.contains(TestPool.group(of: $0)) } ?? prefix
  }

  @Test("while a group is being swapped its requests wait, then go to the new primary")
  func swap() async throws {
    let fake = Self.fakePair()
    try await TestPool.with(2, fake: fake) { pool in
      let name = Self.user(in: 0..<4, "swap")
      let group = TestPool.group(of: name)
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser(name, phone)
      try await fake.change { $0.held.insert(group) }
      try await phone.send(user.register())
      #expect(await phone.receive(within: .milliseconds(200)) == nil)
      #expect(try await pool.servers[0].snapshot().requestsHeld == 1)
      try await fake.change {
        $0.leaders[group] = ServerName("fe2")
        $0.held.remove(group)
      }
      #expect(await phone.receive()?.status == 200)
      #expect(try await pool.servers[0].snapshot().requestsInFlight == 0)
      #expect(pool.servers[0].metrics.exposition().contains("quorate_passed_on_total 1\n"))
      await phone.close()
    }
  }

  @Test("when the primary is gone a request waits for the next one, and gets 503 when none comes")
  func primaryGone() async throws {
    let fake = Self.fakePair()
    try await TestPool.with(2, fake: fake, tune: { $0.limits.routingPatience = .milliseconds(700) }) { pool in
      let name = Self.user(in: 4..<8, "gone")
      let group = TestPool.group(of: name)
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser(name, phone)
      try await pool.stop(1)
      try await phone.send(user.register())
      #expect(await phone.receive(within: .milliseconds(200)) == nil)
      try await fake.change { $0.leaders[group] = ServerName("fe1") }
      #expect(await phone.receive()?.status == 200)
      try await fake.change { $0.leaders[group] = ServerName("fe2") }
      let refused = try #require(try await phone.ask(user.register(cseq: 2)))
      #expect(refused.status == 503)
      #expect(refused.header("Retry-After") == "1")
      await phone.close()
    }
  }

  @Test(
    "a server that is leaving turns clients away, still serves other servers, and says when it is drained"
  )
  func leaving() async throws {
    let fake = Self.fakePair()
    try await TestPool.with(2, fake: fake) { pool in
      let name = Self.user(in: 0..<4, "leave")
      let mark = OutMark(by: "test", reason: "test", since: PoolTime(milliseconds: 1))
      try await fake.change { $0.services[ServerName("fe1")] = .leaving(mark) }
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser(name, phone)
      let refused = try #require(try await phone.ask(user.register()))
      #expect(refused.status == 503)
      #expect(refused.header("Retry-After") != nil)
      // It leads the group still, so the other server passes on to it.
      let other = try await Phone.udp(to: pool.sip(1))
      #expect(try await other.ask(TestUser(name, other).register())?.status == 200)
      try await pool.eventually("drained") { fake.read { $0.drained.contains(ServerName("fe1")) } }
      try await fake.change { $0.services[ServerName("fe1")] = .inService }
      #expect(try await phone.ask(user.register(cseq: 5))?.status == 200)
      await phone.close()
      await other.close()
    }
  }

  @Test("a server that is leaving closes its streams evenly over the drain time")
  func pacedDrain() async throws {
    let fake = Self.fakePair()
    try await TestPool.with(2, fake: fake, tune: { $0.drainTime = .seconds(2) }) { pool in
      var phones: [Phone] = []
      for _ in 0..<8 { phones.append(try await Phone.tcp(to: pool.sip(0))) }
      try await pool.eventually("all are open") { try await pool.servers[0].snapshot().streams == 8 }
      let mark = OutMark(by: "test", reason: "test", since: PoolTime(milliseconds: 1))
      let began = ContinuousClock.now
      try await fake.change { $0.services[ServerName("fe1")] = .leaving(mark) }
      try await pool.eventually("some are closed") { phones.count { $0.isOpen } < 7 }
      #expect(phones.contains { $0.isOpen })
      #expect(!fake.read { $0.drained.contains(ServerName("fe1")) })
      try await pool.eventually("drained") { fake.read { $0.drained.contains(ServerName("fe1")) } }
      #expect(ContinuousClock.now - began > .milliseconds(1_500))
      #expect(try await pool.servers[0].snapshot().streams == 0)
    }
  }

  @Test("a MESSAGE reaches a user whose stream is at another server")
  func routedByFake() async throws {
    let fake = Self.fakePair()
    try await TestPool.with(2, fake: fake) { pool in
      let callee = try await Phone.tcp(to: pool.sip(1))
      let name = Self.user(in: 0..<4, "far")
      let bob = TestUser(name, callee)
      #expect(try await callee.ask(bob.register())?.status == 200)
      let caller = try await Phone.udp(to: pool.sip(1))
      let alice = TestUser("alice", caller)
      // The stream is at fe2, the record at fe1: looked up there, delivered here.
      try await caller.send(alice.request("MESSAGE", "sip:\(name)@example.com", to: name))
      let received = try #require(await callee.receive())
      try await callee.send(Self.response(200, to: received))
      #expect(await caller.receive()?.status == 200)
      // From fe1: looked up there, delivered by fe2.
      let second = try await Phone.udp(to: pool.sip(0))
      try await second.send(TestUser("ann", second).request("MESSAGE", "sip:\(name)@example.com", to: name))
      let again = try #require(await callee.receive())
      try await callee.send(Self.response(486, to: again))
      #expect(await second.receive()?.status == 486)
      await callee.close()
      await second.close()
      await caller.close()
    }
  }

  @Test("a dialog goes through: INVITE, 200, ACK and BYE both ways")
  func dialog() async throws {
    let fake = Self.fakePair()
    try await TestPool.with(2, fake: fake) { pool in
      let callee = try await Phone.tcp(to: pool.sip(0))
      let name = Self.user(in: 0..<4, "dial")
      let bob = TestUser(name, callee)
      #expect(try await callee.ask(bob.register())?.status == 200)
      let caller = try await Phone.udp(to: pool.sip(0))
      let alice = TestUser("alice", caller)
      let callID = "dialog-1"
      try await caller.send(
        alice.request(
          "INVITE",
          "sip:\(name)@example.com",
          to: name,
          callID: callID,
          "Contact: <\(alice.contact)>\r\n"
        )
      )
      let invite = try #require(await callee.receive())
      let routes = invite.headers("Record-Route")
      // One value for each end: bob's is on a stream.
      #expect(routes.count == 2)
      let to = "To: <sip:\(name)@example.com>"
      let ok = Self.response(200, to: invite).replacing(to, with: "\(to);tag=bobtag")
      #expect(await caller.receive()?.status == 100)
      try await callee.send(ok)
      #expect(await caller.receive()?.status == 200)
      try await caller.send(
        alice.request(
          "ACK",
          bob.contact,
          to: name,
          callID: callID,
          "Route: \(routes.reversed().joined(separator: ", "))\r\n",
          toTag: ";tag=bobtag"
        )
      )
      let ack = try #require(await callee.receive())
      #expect(ack.hasPrefix("ACK \(bob.contact)"))
      #expect(ack.header("Route") == nil)
      // Bob hangs up.
      try await callee.send(
        bob.request(
          "BYE",
          alice.contact,
          to: "alice",
          cseq: 9,
          callID: callID,
          "Route: \(routes.joined(separator: ", "))\r\n",
          toTag: ";tag=falice"
        )
      )
      let bye = try #require(await caller.receive())
      #expect(bye.hasPrefix("BYE \(alice.contact)"))
      try await caller.send(Self.response(200, to: bye))
      #expect(await callee.receive()?.status == 200)
      // A made-up Route gets nobody relayed.
      let forged = try await caller.ask(
        alice.request(
          "BYE",
          "sip:x@203.0.113.5",
          to: name,
          callID: callID,
          "Route: <sip:fe1!0!fe1!0!0@\(try pool.sip(0));lr>\r\n",
          toTag: ";tag=q"
        )
      )
      #expect(forged?.status == 403)
      await callee.close()
      await caller.close()
    }
  }

  /// What a phone answers.
  static func response(_ status: Int, to request: String) -> String {
    let copied = request.split(separator: "\r\n").filter { line in
      ["via:", "from:", "to:", "call-id:", "cseq:", "record-route:"].contains {
        line.lowercased().hasPrefix($0)
      }
    }
    return "SIP/2.0 \(status) OK\r\n" + copied.joined(separator: "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
  }

  @Test("bindings and service survive a graceful stop of one server of three")
  func gracefulStop() async throws {
    try await TestPool.with(3) { pool in
      let phone = try await Phone.udp(to: pool.sip(1))
      var users: [TestUser] = []
      for number in 0..<20 {
        let user = TestUser("stop\(number)", phone)
        #expect(try await phone.ask(user.register())?.status == 200)
        users.append(user)
      }
      try await pool.stop(0)
      for user in users {
        let answer = try #require(try await phone.ask(user.register(cseq: 2)))
        #expect(answer.status == 200)
        #expect(answer.header("Contact")?.contains(user.contact) == true)
      }
      await phone.close()
    }
  }
}
