import FabricStore
import Foundation
import FoundationNetworking
import Logging
import PoolModel
import PoolTesting
import Testing

@testable import FrontEnd

@Suite("A Front End server", .timeLimit(.minutes(1)))
struct ServerTests {
  @Test("registers, shows, refreshes and removes a contact", arguments: [false, true])
  func lifecycle(stream: Bool) async throws {
    try await TestPool.single { pool in
      let phone = try await stream ? Phone.tcp(to: pool.sip(0)) : Phone.udp(to: pool.sip(0))
      let user = TestUser("alice", phone)
      let first = try #require(try await phone.ask(user.register(cseq: 1)))
      #expect(first.status == 200)
      #expect(first.header("Contact")?.hasPrefix("<\(user.contact)>;expires=") == true)
      let query = try #require(try await phone.ask(user.register(cseq: 2, expires: nil)))
      #expect(query.status == 200)
      #expect(query.header("Contact")?.hasPrefix("<\(user.contact)>;expires=") == true)
      #expect(try await phone.ask(user.register(cseq: 3))?.status == 200)
      let removed = try #require(try await phone.ask(user.unregisterAll(cseq: 4)))
      #expect(removed.status == 200)
      #expect(removed.header("Contact") == nil)
      let empty = try #require(try await phone.ask(user.register(cseq: 5, expires: nil)))
      #expect(empty.header("Contact") == nil)
      await phone.close()
    }
  }

  @Test("received and rport are noted, and the answer goes to the source port")
  func rport() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let text = TestUser("bob", phone).register().replacing(
        "127.0.0.1:\(phone.port);branch",
        with: "10.9.8.7:5;branch"
      )
      let answer = try #require(try await phone.ask(text))
      #expect(answer.header("Via")?.contains("received=127.0.0.1") == true)
      #expect(answer.header("Via")?.contains("rport=\(phone.port)") == true)
      await phone.close()
    }
  }

  @Test("what is no SIP is dropped or answered 400, and the server serves on")
  func garbage() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("carol", phone)
      for junk in [
        "", "\r\n\r\n", "\u{0}\u{1}\u{2}\u{3}", "GET / HTTP/1.1\r\n\r\n",
        String(repeating: "x", count: 60_000),
      ] {
        try await phone.send(junk)
      }
      try await phone.send("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKq1-0-0-0\r\n\r\n")
      let bad = user.register().replacing("CSeq: 1 REGISTER", with: "CSeq: x REGISTER")
      #expect(try await phone.ask(bad)?.status == 400)
      let version = user.register().replacing("sip:example.com SIP/2.0", with: "sip:example.com SIP/7.0")
      #expect(try await phone.ask(version)?.status == 505)
      #expect(try await phone.ask(user.register())?.status == 200)
      #expect(pool.servers[0].metrics.exposition().contains("quorate_dropped_total{reason=\"malformed\"}"))
      await phone.close()
    }
  }

  @Test("a stream answers keep-alives, takes requests in pieces, and ends when its framing is lost")
  func stream() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.tcp(to: pool.sip(0))
      let user = TestUser("dora", phone)
      try await phone.send("\r\n\r\n")
      #expect(await phone.receive() == "\r\n")
      let text = user.register()
      let middle = text.index(text.startIndex, offsetBy: 100)
      try await phone.send(String(text[..<middle]))
      try await Task.sleep(for: .milliseconds(50))
      try await phone.send(String(text[middle...]))
      #expect(await phone.receive()?.status == 200)
      let lost = user.register(cseq: 2).replacing("Content-Length: 0\r\n", with: "")
      try await phone.send(lost)
      #expect(await phone.receive()?.status == 400)
      try await pool.eventually("the stream is closed") { !phone.isOpen }
    }
  }

  @Test("a message that does not get finished ends its stream, and nobody else's")
  func slowStream() async throws {
    try await TestPool.single(tune: { $0.limits.messageTime = .milliseconds(500) }) { pool in
      let slow = try await Phone.tcp(to: pool.sip(0))
      let good = try await Phone.tcp(to: pool.sip(0))
      try await slow.send("REGISTER sip:example.com SIP/2.0\r\n")
      try await pool.eventually("the slow one is closed") { !slow.isOpen }
      #expect(good.isOpen)
      #expect(try await good.ask(TestUser("eve", good).register())?.status == 200)
      await good.close()
    }
  }

  @Test("one address has only so many streams")
  func connectionLimit() async throws {
    try await TestPool.single(tune: { $0.limits.connectionsPerPeer = 2 }) { pool in
      var phones: [Phone] = []
      for _ in 0..<3 { phones.append(try await Phone.tcp(to: pool.sip(0))) }
      try await pool.eventually("the third is closed") { phones.count { $0.isOpen } == 2 }
      for phone in phones { await phone.close() }
    }
  }

  @Test("OPTIONS to the server, an unknown domain, an unknown user")
  func otherRequests() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("fred", phone)
      let own = "sip:\(try pool.sip(0))"
      let options = try await phone.ask(user.request("OPTIONS", own, to: "fred"))
      #expect(options?.status == 200)
      #expect(options?.header("Allow")?.contains("REGISTER") == true)
      #expect(try await phone.ask(user.request("MESSAGE", "sip:x@elsewhere.org", to: "x"))?.status == 403)
      #expect(
        try await phone.ask(user.request("MESSAGE", "sip:nobody@example.com", to: "nobody"))?.status == 480
      )
      #expect(try await phone.ask(user.request("MESSAGE", "tel:+123", to: "x"))?.status == 416)
      await phone.close()
    }
  }

  @Test("a contact that leads back to the server is a loop, not a storm")
  func loop() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("ouro", phone)
      let contact = "<sip:ouro@\(try pool.sip(0))>"
      #expect(try await phone.ask(user.register(contact: contact))?.status == 200)
      #expect(try await phone.ask(user.request("MESSAGE", "sip:ouro@example.com", to: "ouro"))?.status == 482)
      await phone.close()
    }
  }

  @Test("registers over IPv6")
  func v6() async throws {
    try await TestPool.single(tune: { $0.sip.append(Endpoint(host: "::1", port: 0)) }) { pool in
      let endpoint = try #require(pool.servers[0].addresses?.sip.last)
      for phone in [try await Phone.udp(to: endpoint), try await Phone.tcp(to: endpoint)] {
        let user = TestUser("six", phone, host: "[::1]")
        let answer = try #require(try await phone.ask(user.register(cseq: TestUser.unique())))
        #expect(answer.status == 200)
        if !phone.isStream { #expect(answer.header("Via")?.contains("received=::1") == true) }
        await phone.close()
      }
    }
  }

  @Test("a port that is taken is one clear error")
  func portInUse() async throws {
    try await TestPool.single(waits: false) { pool in
      let taken = try pool.sip(0)
      var configuration = pool.servers[0].configuration
      configuration.sip = [taken]
      let second = FrontEndServer(
        configuration: configuration,
        store: MemoryFabric().client(),
        logger: Logger(label: "test")
      )
      let error = await #expect(throws: FrontEndError.self) { try await second.run(trapsSignals: false) }
      #expect(error?.code == .addressInUse)
      #expect(
        error?.message.hasPrefix("sip address \(taken): already in use by another process; stop it, or")
          == true
      )
    }
  }

  @Test("health, metrics and state over HTTP")
  func http() async throws {
    try await TestPool.single(http: true) { pool in
      try await pool.eventually("http is up") { pool.servers[0].addresses?.http != nil }
      let address = try #require(pool.servers[0].addresses?.http)
      func get(_ path: String) async throws -> (Int, String) {
        let url = try #require(URL(string: "http://\(address)/\(path)"))
        let (data, response) = try await URLSession.shared.data(from: url)
        return ((response as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self))
      }
      let health = try await get("health")
      #expect(health.0 == 200)
      #expect(health.1.contains("\"ready\": true"))
      let state = try await get("state")
      #expect(state.1.contains("\"groupsLed\""))
      let metrics = try await get("metrics")
      #expect(metrics.1.contains("# TYPE quorate_requests_total counter"))
      #expect(metrics.1.contains("quorate_groups_led 8"))
    }
  }
}

extension TestPool {
  /// One server that leads every group of a fabric in a dictionary.
  static func single(
    http: Bool = false,
    waits: Bool = true,
    tune: (inout FrontEndConfiguration) -> Void = { _ in },
    _ body: (TestPool) async throws -> Void
  ) async throws {
    let leaders = Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, ServerName("fe1")) })
    let fake = FakePool(groups: 8, leaders: leaders)
    try await with(1, http: http, waits: waits, fake: fake, tune: tune, body)
  }
}
