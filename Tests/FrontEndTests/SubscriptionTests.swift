import PoolModel
import Testing

@testable import FrontEnd

@Suite("Subscriptions to registrations", .serialized, .timeLimit(.minutes(1)))
struct SubscriptionTests {
  /// SUBSCRIBE to the registrations of a user.
  static func subscribe(
    _ user: TestUser,
    to name: String,
    cseq: Int = 1,
    expires: Int = 600,
    toTag: String = "",
    uri: String? = nil,
    callID: String? = nil,
    event: String = "reg",
    more: String = ""
  ) -> String {
    let transport = user.transport == "UDP" ? "" : ";transport=tcp"
    return user.request(
      "SUBSCRIBE",
      uri ?? "sip:\(name)@example.com",
      to: name,
      cseq: cseq,
      callID: callID ?? "sub-\(user.name)-\(name)",
      "Event: \(event)\r\nExpires: \(expires)\r\nContact: <\(user.contact)\(transport)>\r\n\(more)",
      toTag: toTag
    )
  }

  /// 200 to a request that came.
  static func ok(_ request: String) -> String {
    var text = "SIP/2.0 200 OK\r\n"
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
      for value in request.headers(name) { text += "\(name): \(value)\r\n" }
    }
    return text + "Content-Length: 0\r\n\r\n"
  }

  /// Waits for a NOTIFY and answers it; other messages that come before are given to `also`.
  static func notify(_ phone: Phone, also: (String) -> Void = { _ in }) async throws -> String? {
    while let text = await phone.receive() {
      guard text.hasPrefix("NOTIFY ") else {
        also(text)
        continue
      }
      try await phone.send(ok(text))
      return text
    }
    return nil
  }

  @Test("the whole state at once, changes as they come, renewal, and the end")
  func life() async throws {
    try await TestPool.single(tune: { $0.limits.notifyInterval = .zero }) { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("alice", phone)
      #expect(try await phone.ask(user.register())?.status == 200)
      let answer = try #require(try await phone.ask(Self.subscribe(user, to: "alice")))
      #expect(answer.status == 200)
      #expect(answer.header("Expires") == "600")
      let contact = try #require(answer.header("Contact"))
      let tag = try #require(answer.header("To")?.split(separator: ";").last.map { ";\($0)" })
      let first = try #require(try await Self.notify(phone))
      #expect(first.header("Subscription-State")?.hasPrefix("active;expires=") == true)
      #expect(first.header("Event") == "reg")
      #expect(first.contains("state=\"full\""))
      #expect(first.contains("<uri>\(user.contact)</uri>"))
      // Another phone of the same user.
      let other = try await Phone.udp(to: pool.sip(0))
      let second = TestUser("alice", other)
      #expect(try await other.ask(second.register(callID: "other"))?.status == 200)
      let change = try #require(try await Self.notify(phone))
      #expect(change.contains("state=\"partial\"") && change.contains("event=\"registered\""))
      #expect(
        change.contains("<uri>\(second.contact)</uri>") && !change.contains("<uri>\(user.contact)</uri>")
      )
      // Renewed in the dialog: all of it again.
      let uri = String(contact.dropFirst().dropLast())
      let renewal = Self.subscribe(user, to: "alice", cseq: 2, toTag: tag, uri: uri)
      #expect(try await phone.ask(renewal)?.status == 200)
      #expect(try await Self.notify(phone)?.contains("state=\"full\"") == true)
      #expect(try await pool.servers[0].snapshot().subscriptions == 1)
      let end = Self.subscribe(user, to: "alice", cseq: 3, expires: 0, toTag: tag, uri: uri)
      #expect(try await phone.ask(end)?.status == 200)
      #expect(
        try await Self.notify(phone)?.header("Subscription-State") == "terminated;reason=timeout"
      )
      try await pool.eventually("it is gone") { try await pool.servers[0].snapshot().subscriptions == 0 }
      let late = Self.subscribe(user, to: "alice", cseq: 4, toTag: tag, uri: uri)
      #expect(try await phone.ask(late)?.status == 481)
      await phone.close()
      await other.close()
    }
  }

  @Test("a user whose records are kept elsewhere is watched too")
  func elsewhere() async throws {
    let leaders = Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, ServerName("fe2")) })
    let fake = FakePool(groups: 8, leaders: leaders)
    try await TestPool.with(2, fake: fake, tune: { $0.limits.notifyInterval = .zero }) { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("bob", phone)
      #expect(try await phone.ask(Self.subscribe(user, to: "bob"))?.status == 200)
      #expect(try await Self.notify(phone)?.contains("state=\"init\"") == true)
      let other = try await Phone.udp(to: pool.sip(1))
      #expect(try await other.ask(TestUser("bob", other).register())?.status == 200)
      #expect(try await Self.notify(phone)?.contains("event=\"registered\"") == true)
      await phone.close()
      await other.close()
    }
  }

  @Test("only the user itself may watch it; other packages go to its contacts; too many are refused")
  func refusals() async throws {
    try await TestPool.with(1, tune: { $0.limits.subscriptionsPerUser = 1 }) { pool in
      let alice = DigestUser(name: "alice", password: "a")
      let bob = DigestUser(name: "bob", password: "b")
      for user in [alice, bob] { try await user.add(to: pool.stores[0]) }
      try await pool.eventually("users are known") {
        pool.servers[0].metrics.exposition().contains("quorate_users 2\n")
      }
      let phone = try await Phone.udp(to: pool.sip(0))
      func ask(_ user: DigestUser, _ target: String, _ callID: String, foreign: Bool = false) async throws
        -> Int?
      {
        let caller = TestUser(user.name, phone)
        let text = Self.subscribe(caller, to: target, callID: callID)
        if foreign {
          return try await phone.ask(
            text.replacing("From: <sip:\(user.name)@example.com", with: "From: <sip:x@x.org")
          )?
          .status
        }
        let challenge = try #require(try await phone.ask(text))
        guard let nonce = challenge.headers("Proxy-Authenticate").first?.nonce else {
          return challenge.status
        }
        let answer = user.answer("SUBSCRIBE", nonce: nonce, count: 1, uri: "sip:\(target)@example.com")
        return try await phone.ask(
          Self.subscribe(
            caller,
            to: target,
            cseq: 2,
            callID: callID,
            more: "Proxy-Authorization: \(answer)\r\n"
          )
        )?.status
      }
      #expect(try await ask(bob, "alice", "s1") == 403)
      #expect(try await ask(alice, "alice", "s2", foreign: true) == 403)
      #expect(try await ask(alice, "alice", "s3") == 200)
      _ = try await Self.notify(phone)
      #expect(try await ask(alice, "alice", "s4") == 403)
      let metrics = pool.servers[0].metrics.exposition()
      #expect(metrics.contains("quorate_subscribes_total{outcome=\"forbidden\"} 2"))
      await phone.close()
    }
  }

  @Test("another package is for the user's contacts")
  func otherPackage() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      #expect(try await phone.ask(TestUser("carol", phone).register())?.status == 200)
      let caller = try await Phone.udp(to: pool.sip(0))
      try await caller.send(Self.subscribe(TestUser("dave", caller), to: "carol", event: "presence"))
      #expect(await phone.receive()?.hasPrefix("SUBSCRIBE ") == true)
      await phone.close()
      await caller.close()
    }
  }
}
