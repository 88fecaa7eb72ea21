import PoolModel
import Testing

@testable import FrontEnd

@Suite("Dialogs through a pool", .timeLimit(.minutes(1)))
struct DialogTests {
  /// A call that was set up: what each end needs to go on.
  private struct Call {
    let callID: String
    let routes: [String]
    let callee: TestUser
    let calleePhone: Phone

    /// A request of the caller; `routes` are in the order of the INVITE as the callee got it.
    func fromCaller(_ method: String, _ alice: TestUser, cseq: Int = 2) -> String {
      alice.request(
        method,
        callee.contact,
        to: callee.name,
        cseq: cseq,
        callID: callID,
        "Route: \(routes.reversed().joined(separator: ", "))\r\n",
        toTag: ";tag=there"
      )
    }
  }

  private func final(_ phone: Phone) async throws -> String {
    while true {
      let text = try #require(await phone.receive())
      if text.status.map({ $0 >= 200 }) ?? true { return text }
    }
  }

  /// Registers `name` with `calleePhone`, calls it, and answers.
  private func setUp(_ name: String, _ calleePhone: Phone, from caller: Phone, by alice: TestUser)
    async throws
    -> Call
  {
    let bob = TestUser(name, calleePhone)
    try #require(try await calleePhone.ask(bob.register(callID: "reg-\(TestUser.unique())"))?.status == 200)
    let callID = "call-\(name)-\(TestUser.unique())"
    try await caller.send(
      alice.request(
        "INVITE",
        "sip:\(name)@example.com",
        to: name,
        callID: callID,
        "Contact: <\(alice.contact)>\r\n"
      )
    )
    let invite = try await final(calleePhone)
    try #require(invite.hasPrefix("INVITE "))
    let to = "To: <sip:\(name)@example.com>"
    try await calleePhone.send(PoolTests.response(200, to: invite).replacing(to, with: "\(to);tag=there"))
    #expect(try await final(caller).status == 200)
    return Call(
      callID: callID,
      routes: invite.headers("Record-Route"),
      callee: bob,
      calleePhone: calleePhone
    )
  }

  @Test("a request of a dialog is understood at a server that the dialog was not set up through")
  func otherServer() async throws {
    let fake = PoolTests.fakePair()
    try await TestPool.with(2, fake: fake) { pool in
      for isStream in [false, true] {
        let callee = try await isStream ? Phone.tcp(to: pool.sip(0)) : Phone.udp(to: pool.sip(0))
        let first = try await Phone.udp(to: pool.sip(0))
        let alice = TestUser("alice", first)
        let name = PoolTests.user(in: 0..<4, "other")
        let call = try await setUp(name, callee, from: first, by: alice)
        #expect(call.routes.count == (isStream ? 2 : 1))
        let second = try await Phone.udp(to: pool.sip(1))
        var moved = TestUser("alice", second)
        moved.host = alice.host
        try await second.send(call.fromCaller("BYE", moved))
        let bye = try await final(callee)
        #expect(bye.hasPrefix("BYE \(call.callee.contact) "))
        #expect(bye.header("Route") == nil)
        try await callee.send(PoolTests.response(200, to: bye), to: isStream ? nil : try pool.sip(1))
        #expect(try await final(second).status == 200)
        for phone in [callee, first, second] { await phone.close() }
      }
    }
  }

  @Test("a call through two servers has a Record-Route of each, and hangs up from either side")
  func twoServers() async throws {
    let fake = PoolTests.fakePair()
    try await TestPool.with(2, fake: fake) { pool in
      let callee = try await Phone.tcp(to: pool.sip(1))
      let caller = try await Phone.tcp(to: pool.sip(0))
      let alice = TestUser("alice", caller)
      let call = try await setUp(PoolTests.user(in: 0..<4, "two"), callee, from: caller, by: alice)
      #expect(call.routes.count == 3)
      #expect(call.routes.first?.contains("@\(try pool.sip(1));transport=tcp;lr>") == true)
      try await caller.send(call.fromCaller("ACK", alice, cseq: 1))
      #expect(try await final(callee).hasPrefix("ACK "))
      try await callee.send(
        call.callee.request(
          "BYE",
          alice.contact,
          to: "alice",
          callID: call.callID,
          "Route: \(call.routes.joined(separator: ", "))\r\n",
          toTag: ";tag=falice"
        )
      )
      let bye = try await final(caller)
      #expect(bye.hasPrefix("BYE \(alice.contact) "))
      try await caller.send(PoolTests.response(200, to: bye))
      #expect(try await final(callee).status == 200)
      await callee.close()
      await caller.close()
    }
  }

  @Test("an end whose connection is gone is found where it has registered since, else it is 480")
  func lostFlow() async throws {
    let fake = PoolTests.fakePair()
    try await TestPool.with(2, fake: fake) { pool in
      let first = try await Phone.tcp(to: pool.sip(1))
      let caller = try await Phone.udp(to: pool.sip(0))
      let alice = TestUser("alice", caller)
      let name = PoolTests.user(in: 0..<4, "lost")
      let call = try await setUp(name, first, from: caller, by: alice)
      await first.close()
      try await pool.eventually("its stream is gone") { try await pool.servers[1].snapshot().streams == 0 }
      #expect(try await caller.ask(call.fromCaller("INFO", alice))?.status == 480)
      // It comes back by another stream, at the other server, with the same Contact.
      let second = try await Phone.tcp(to: pool.sip(0))
      var bob = TestUser(name, second)
      bob.transport = "TCP"
      let contact = "<\(call.callee.contact)>"
      #expect(try await second.ask(bob.register(cseq: 5, contact: contact, callID: "again"))?.status == 200)
      // Its server knows that the stream is gone and finds it through the registration; so does another that is told.
      let elsewhere = try await Phone.udp(to: pool.sip(1))
      for (phone, cseq) in [(elsewhere, 3), (caller, 4)] {
        try await phone.send(call.fromCaller("INFO", TestUser("alice", phone), cseq: cseq))
        let info = try await final(second)
        #expect(info.hasPrefix("INFO \(call.callee.contact) "))
        try await second.send(PoolTests.response(200, to: info))
        #expect(try await final(phone).status == 200)
      }
      for phone in [second, caller, elsewhere] { await phone.close() }
    }
  }

  @Test("a client behind a NAT is reached where it was seen, from the server that it registered at")
  func behindNAT() async throws {
    let fake = PoolTests.fakePair()
    try await TestPool.with(2, fake: fake) { pool in
      let callee = try await Phone.udp(to: pool.sip(1))
      let name = PoolTests.user(in: 0..<4, "nat")
      let bob = TestUser(name, callee)
      let contact = "<sip:\(name)@10.99.0.1:5060>"
      #expect(try await callee.ask(bob.register(contact: contact))?.status == 200)
      let caller = try await Phone.udp(to: pool.sip(0))
      try await caller.send(TestUser("alice", caller).request("MESSAGE", "sip:\(name)@example.com", to: name))
      let message = try await final(callee)
      #expect(message.hasPrefix("MESSAGE sip:\(name)@10.99.0.1:5060 "))
      // Two Via values of the pool: the request went out of the server that the NAT lets through.
      #expect(message.header("Via")?.contains("UDP \(try pool.sip(1));") == true)
      try await callee.send(PoolTests.response(200, to: message))
      #expect(try await final(caller).status == 200)
      await callee.close()
      await caller.close()
    }
  }
}
