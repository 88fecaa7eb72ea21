import PoolModel
import Testing

@testable import FrontEnd

@Suite("The proxy of a server", .timeLimit(.minutes(1)))
struct ProxyTests {
  /// Registers a user, whose contact may differ from its phone's own, and who must succeed.
  private func register(_ phone: Phone, _ user: TestUser, _ contact: String? = nil, cseq: Int = 1)
    async throws
  {
    let callID = "reg-\(user.name)-\(phone.port)"
    let answer = try await phone.ask(user.register(cseq: cseq, contact: contact, callID: callID))
    try #require(answer?.status == 200, "\(answer ?? "no answer")")
  }

  /// What comes next that is not 100.
  private func next(_ phone: Phone) async throws -> String {
    while true {
      let text = try #require(await phone.receive())
      if text.status != 100 { return text }
    }
  }

  private func invite(_ user: TestUser, _ callee: String, _ callID: String) -> String {
    user.request(
      "INVITE",
      "sip:\(callee)@example.com",
      to: callee,
      callID: callID,
      "Contact: <\(user.contact)>\r\n"
    )
  }

  @Test("a call rings at all contacts; who answers first has it, the other is cancelled")
  func forks() async throws {
    try await TestPool.single { pool in
      let (first, second) = (try await Phone.udp(to: pool.sip(0)), try await Phone.tcp(to: pool.sip(0)))
      try await register(first, TestUser("bob", first))
      try await register(second, TestUser("bob", second))
      let caller = try await Phone.udp(to: pool.sip(0))
      let alice = TestUser("alice", caller)
      try await caller.send(invite(alice, "bob", "fork"))
      let (one, two) = (try await next(first), try await next(second))
      #expect(one.hasPrefix("INVITE sip:bob@127.0.0.1:\(first.port)"))
      #expect(two.hasPrefix("INVITE sip:bob@127.0.0.1:\(second.port)"))
      try await first.send(PoolTests.response(180, to: one))
      #expect(try await next(caller).status == 180)
      try await second.send(PoolTests.response(200, to: two))
      #expect(try await next(caller).status == 200)
      #expect(try await next(first).hasPrefix("CANCEL "))
      #expect(pool.servers[0].metrics.exposition().contains("quorate_proxy_forked_total 1\n"))
      for phone in [first, second, caller] { await phone.close() }
    }
  }

  @Test("CANCEL reaches who rings, and the caller gets 487")
  func cancels() async throws {
    try await TestPool.single { pool in
      let callee = try await Phone.udp(to: pool.sip(0))
      try await register(callee, TestUser("bob", callee))
      let caller = try await Phone.udp(to: pool.sip(0))
      let text = invite(TestUser("alice", caller), "bob", "cancel")
      try await caller.send(text)
      let ringing = try await next(callee)
      try await callee.send(PoolTests.response(180, to: ringing))
      #expect(try await next(caller).status == 180)
      try await caller.send(text.replacing("INVITE", with: "CANCEL"))
      let ok = try await next(caller)
      #expect(ok.status == 200)
      #expect(ok.header("CSeq") == "1 CANCEL")
      let cancel = try await next(callee)
      #expect(cancel.hasPrefix("CANCEL "))
      try await callee.send(PoolTests.response(200, to: cancel))
      try await callee.send(PoolTests.response(487, to: ringing))
      #expect(try await next(callee).hasPrefix("ACK "))
      #expect(try await next(caller).status == 487)
      try await caller.send(text.replacing("INVITE", with: "ACK"))
      // A CANCEL of nothing.
      let stray = TestUser("alice", caller).request("CANCEL", "sip:bob@example.com", to: "bob")
      #expect(try await next(caller, sending: stray).status == 481)
      await callee.close()
      await caller.close()
    }
  }

  private func next(_ phone: Phone, sending text: String) async throws -> String {
    try await phone.send(text)
    return try await next(phone)
  }

  @Test(
    "a request that comes again goes on once and is answered alike; methods and headers unknown pass as they are"
  )
  func repeats() async throws {
    try await TestPool.single { pool in
      let callee = try await Phone.udp(to: pool.sip(0))
      try await register(callee, TestUser("bob", callee))
      let caller = try await Phone.udp(to: pool.sip(0))
      let header = "X-Odd:  a, b;c=\"d\"\r\n folded\r\ns: short\r\n"
      let text = TestUser("alice", caller).request("FROBNICATE", "sip:bob@example.com", to: "bob", header)
      for _ in 1...3 { try await caller.send(text) }
      let passed = try await next(callee)
      #expect(passed.hasPrefix("FROBNICATE sip:bob@127.0.0.1:\(callee.port) SIP/2.0\r\n"))
      #expect(passed.contains(header))
      try await callee.send(PoolTests.response(202, to: passed))
      let answer = try await next(caller)
      #expect(answer.status == 202)
      #expect(try await next(caller, sending: text) == answer)
      // On a busy machine the server may have sent it again before it saw the answer.
      let more = await callee.receive(within: .milliseconds(300))
      #expect(more == nil || more == passed)
      await callee.close()
      await caller.close()
    }
  }

  @Test("it relays for nobody")
  func relay() async throws {
    try await TestPool.single { pool in
      let caller = try await Phone.udp(to: pool.sip(0))
      let alice = TestUser("alice", caller)
      func status(_ uri: String, _ headers: String = "", toTag: String = "") async throws -> Int? {
        try await caller.ask(alice.request("MESSAGE", uri, to: "x", headers, toTag: toTag))?.status
      }
      let own = try pool.sip(0)
      #expect(try await status("sip:x@203.0.113.5") == 403)
      #expect(try await status("sip:x@example.com", "Route: <sip:203.0.113.5;lr>\r\n") == 403)
      #expect(try await status("sip:x@203.0.113.5", "Route: <sip:\(own);lr>\r\n", toTag: ";tag=1") == 403)
      #expect(
        try await status("sip:x@203.0.113.5", "Route: <sip:2!b!fe1!0!fe1!0!0@\(own);lr>\r\n", toTag: ";tag=1")
          == 403
      )
      await caller.close()
    }
  }

  @Test("a contact that listens on TCP is connected to, and the connection is used again")
  func connects() async throws {
    try await TestPool.single { pool in
      let callee = try await PhoneServer.start()
      let registering = try await Phone.udp(to: pool.sip(0))
      let contact = "<sip:bob@127.0.0.1:\(callee.port);transport=tcp>"
      try await register(registering, TestUser("bob", registering), contact)
      let caller = try await Phone.udp(to: pool.sip(0))
      for _ in 1...2 {
        let message = TestUser("alice", caller).request("MESSAGE", "sip:bob@example.com", to: "bob")
        try await caller.send(message)
        let delivered = try #require(await callee.receive())
        #expect(delivered.header("Via")?.hasPrefix("SIP/2.0/TCP ") == true)
        try await callee.send(PoolTests.response(200, to: delivered))
        #expect(try await next(caller).status == 200)
      }
      #expect(callee.connections == 1)
      await callee.close()
      // Nobody listens any more: the next contact gets it, and without one the caller is told.
      let second = try await Phone.udp(to: pool.sip(0))
      try await register(second, TestUser("bob", second), "<sip:bob@127.0.0.1:\(second.port)>;q=0.5")
      try await caller.send(TestUser("alice", caller).request("MESSAGE", "sip:bob@example.com", to: "bob"))
      let other = try await next(second)
      try await second.send(PoolTests.response(200, to: other))
      #expect(try await next(caller).status == 200)
      #expect(pool.servers[0].metrics.exposition().contains("quorate_outgoing_connections_failed_total 1\n"))
      for phone in [registering, second, caller] { await phone.close() }
    }
  }

  @Test("a request too large for a datagram goes over TCP to who takes it, else by datagram after all")
  func large() async throws {
    try await TestPool.single { pool in
      let onTCP = try await PhoneServer.start()
      let onUDP = try await Phone.udp(to: pool.sip(0))
      try await register(onUDP, TestUser("bob", onUDP), "<sip:bob@127.0.0.1:\(onTCP.port)>")
      try await register(onUDP, TestUser("carl", onUDP))
      try await register(onUDP, TestUser("dora", onUDP), "<sip:dora@127.0.0.1:\(onUDP.port);transport=udp>")
      let caller = try await Phone.udp(to: pool.sip(0))
      func message(_ callee: String, _ size: Int) -> String {
        let padding = "Subject: \(String(repeating: "x", count: size))\r\n"
        return TestUser("alice", caller).request("MESSAGE", "sip:\(callee)@example.com", to: callee, padding)
      }
      try await caller.send(message("bob", 1_000))
      let delivered = try #require(await onTCP.receive())
      #expect(delivered.header("Via")?.hasPrefix("SIP/2.0/TCP ") == true)
      try await onTCP.send(PoolTests.response(200, to: delivered))
      #expect(try await next(caller).status == 200)
      for (callee, size) in [("carl", 1_000), ("dora", 1_000), ("carl", 10)] {
        try await caller.send(message(callee, size))
        let datagram = try await next(onUDP)
        #expect(datagram.header("Via")?.hasPrefix("SIP/2.0/UDP ") == true)
        try await onUDP.send(PoolTests.response(200, to: datagram))
        #expect(try await next(caller).status == 200)
      }
      // The one of carl that nobody took; the others need none.
      #expect(pool.servers[0].metrics.exposition().contains("quorate_outgoing_connections_failed_total 1\n"))
      await onTCP.close()
      for phone in [onUDP, caller] { await phone.close() }
    }
  }

  @Test("a name in a contact is looked up, once for a while; one that has no address is no way")
  func names() async throws {
    try await TestPool.single { pool in
      let callee = try await Phone.udp(to: pool.sip(0))
      try await register(callee, TestUser("bob", callee), "<sip:bob@localhost:\(callee.port)>")
      try await register(callee, TestUser("carl", callee), "<sip:carl@nowhere.invalid>")
      let caller = try await Phone.udp(to: pool.sip(0))
      let alice = TestUser("alice", caller)
      try await caller.send(alice.request("MESSAGE", "sip:bob@example.com", to: "bob"))
      let delivered = try await next(callee)
      #expect(delivered.hasPrefix("MESSAGE sip:bob@localhost:\(callee.port) "))
      try await callee.send(PoolTests.response(200, to: delivered))
      #expect(try await next(caller).status == 200)
      #expect(
        try await caller.ask(alice.request("MESSAGE", "sip:carl@example.com", to: "carl"))?.status == 500
      )
      await callee.close()
      await caller.close()
    }
  }

  @Test("of the flows of one device one is used; when it is gone, the next; when all are, 480")
  func outbound() async throws {
    try await TestPool.single { pool in
      let flows = [try await Phone.tcp(to: pool.sip(0)), try await Phone.tcp(to: pool.sip(0))]
      for (index, flow) in flows.enumerated() {
        let user = TestUser("bob", flow)
        let contact = "<\(user.contact)>;+sip.instance=\"<urn:uuid:1>\";reg-id=\(index + 1)"
        let text = user.register(contact: contact, callID: "out-\(index)")
          .replacing("Content-Length", with: "Supported: outbound, path\r\nContent-Length")
        let answer = try #require(try await flow.ask(text))
        #expect(answer.status == 200)
        #expect(answer.header("Require") == "outbound")
        #expect(answer.header("Flow-Timer") == "120")
        try await Task.sleep(for: .milliseconds(5))
      }
      let caller = try await Phone.udp(to: pool.sip(0))
      let alice = TestUser("alice", caller)
      func message() async throws {
        try await caller.send(alice.request("MESSAGE", "sip:bob@example.com", to: "bob"))
      }
      try await message()
      let newest = try await next(flows[1])
      try await flows[1].send(PoolTests.response(200, to: newest))
      #expect(try await next(caller).status == 200)
      #expect(await flows[0].receive(within: .milliseconds(100)) == nil)
      await flows[1].close()
      try await pool.eventually("the flow is gone") { try await pool.servers[0].snapshot().streams == 1 }
      try await message()
      let older = try await next(flows[0])
      try await flows[0].send(PoolTests.response(200, to: older))
      #expect(try await next(caller).status == 200)
      await flows[0].close()
      try await pool.eventually("both are gone") { try await pool.servers[0].snapshot().streams == 0 }
      try await message()
      #expect(try await next(caller).status == 480)
      #expect(
        pool.servers[0].metrics.exposition().contains("quorate_proxy_unreached_total{reason=\"flow\"} 3\n")
      )
      await caller.close()
    }
  }

  @Test("one address has only so many unanswered requests")
  func bounded() async throws {
    try await TestPool.single(tune: { $0.limits.proxiedPerSource = 1 }) { pool in
      let callee = try await Phone.udp(to: pool.sip(0))
      try await register(callee, TestUser("bob", callee))
      let caller = try await Phone.udp(to: pool.sip(0))
      let alice = TestUser("alice", caller)
      try await caller.send(alice.request("MESSAGE", "sip:bob@example.com", to: "bob"))
      let first = try await next(callee)
      let second = try await caller.ask(alice.request("MESSAGE", "sip:bob@example.com", to: "bob"))
      #expect(second?.status == 503)
      #expect(second?.header("Retry-After") != nil)
      try await callee.send(PoolTests.response(200, to: first))
      #expect(try await next(caller).status == 200)
      await callee.close()
      await caller.close()
    }
  }

  @Test("sips: needs TLS at the server, and a sips: contact")
  func secure() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      try await register(phone, TestUser("bob", phone))
      let alice = TestUser("alice", phone)
      #expect(try await phone.ask(alice.request("MESSAGE", "sips:bob@example.com", to: "bob"))?.status == 416)
      await phone.close()
    }
  }

  @Test("a server that goes out cancels what rings, and tells the callers to go elsewhere")
  func leaves() async throws {
    let fake = FakePool(
      groups: 8,
      leaders: Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, ServerName("fe1")) })
    )
    try await TestPool.with(1, fake: fake, tune: { $0.drainTime = .milliseconds(600) }) { pool in
      let callee = try await Phone.udp(to: pool.sip(0))
      try await register(callee, TestUser("bob", callee))
      let caller = try await Phone.udp(to: pool.sip(0))
      let text = invite(TestUser("alice", caller), "bob", "leave")
      try await caller.send(text)
      let ringing = try await next(callee)
      try await callee.send(PoolTests.response(180, to: ringing))
      #expect(try await next(caller).status == 180)
      let mark = OutMark(by: "test", reason: "test", since: PoolTime(milliseconds: 1))
      try await fake.change { $0.services[ServerName("fe1")] = .leaving(mark) }
      #expect(try await next(callee).hasPrefix("CANCEL "))
      let refused = try await next(caller)
      #expect(refused.status == 503)
      #expect(refused.header("Retry-After") != nil)
      try await pool.eventually("drained") { fake.read { $0.drained.contains(ServerName("fe1")) } }
      await callee.close()
      await caller.close()
    }
  }
}
