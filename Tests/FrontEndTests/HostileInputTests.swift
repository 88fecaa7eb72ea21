import NIOSSL
import SIPDigest
import Testing

@testable import FrontEnd

/// The table of docs/operating/hostile-input.md: each has its answer and its counter, over real sockets, and nobody else's
/// registration feels it.
@Suite("Hostile input", .serialized, .timeLimit(.minutes(1)))
struct HostileInputTests {
  enum Carrier: String, CaseIterable {
    case udp, tcp, tls
  }

  /// A pool of one server and somebody who is registered there, who is asked for before and after.
  private struct Scene {
    let pool: TestPool
    let carrier: Carrier
    let context: NIOSSLContext?
    let victim: Phone
    let before: String?

    func connect() async throws -> Phone {
      switch carrier {
      case .udp: return try await Phone.udp(to: pool.sip(0))
      case .tcp: return try await Phone.tcp(to: pool.sip(0))
      case .tls:
        return try await Phone.tls(
          to: try #require(pool.servers[0].addresses?.tls),
          context: try #require(context)
        )
      }
    }

    func user(_ name: String, _ phone: Phone) -> TestUser {
      var user = TestUser(name, phone)
      user.transport = carrier.rawValue.uppercased()
      return user
    }

    func counter(_ name: String) -> Int {
      for line in pool.servers[0].metrics.exposition().split(separator: "\n")
      where line.hasPrefix("quorate_\(name) ") {
        return Int(line.dropFirst(name.count + 9)) ?? 0
      }
      return 0
    }

    func counts(_ name: String) async throws {
      try await pool.eventually("\(name) is counted") { counter(name) > 0 }
    }
  }

  private func with(
    _ carrier: Carrier,
    users: [DigestUser] = [],
    tune: (inout FrontEndLimits) -> Void = { _ in },
    _ body: (Scene) async throws -> Void
  ) async throws {
    let certificates = try TLSTests.Certificates()
    if carrier == .tls { try certificates.make("a") }
    try await TestPool.with(
      1,
      tune: { configuration in
        if carrier == .tls { configuration.tls = certificates.settings("a") }
        tune(&configuration.limits)
      }
    ) { pool in
      var context: NIOSSLContext?
      if carrier == .tls {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(certificates.path("a.pem"))
        configuration.certificateVerification = .noHostnameVerification
        context = try NIOSSLContext(configuration: configuration)
      }
      let victim = try await Phone.udp(to: pool.sip(0), from: "127.0.0.2")
      let owner = TestUser("victim", victim, host: "127.0.0.2")
      #expect(try await victim.ask(owner.register(cseq: 1))?.status == 200)
      let shown = try await victim.ask(owner.register(cseq: 2, expires: nil))?.header("Contact")
      for user in users { try await user.add(to: pool.stores[0]) }
      if !users.isEmpty {
        try await pool.eventually("users are known") {
          pool.servers[0].metrics.exposition().contains("quorate_users \(users.count)\n")
        }
        try await Task.sleep(for: .milliseconds(300))
      }
      try await body(
        Scene(pool: pool, carrier: carrier, context: context, victim: victim, before: shown)
      )
      // The record in the fabric itself: with users the victim could not ask.
      let stored = try await pool.bindings(of: "victim")
      #expect(stored == [owner.contact], "\(stored)")
      #expect(shown?.hasPrefix("<\(owner.contact)>") == true)
      if users.isEmpty { #expect(try await victim.ask(owner.register(cseq: 30))?.status == 200) }
      await victim.close()
    }
  }

  @Test("garbage", arguments: Carrier.allCases)
  func garbage(carrier: Carrier) async throws {
    try await with(carrier) { scene in
      for junk in [
        "\u{0}\u{1}\u{2}\u{3}", "GET / HTTP/1.1\r\n\r\n", String(repeating: "\u{FF}", count: 4_000),
      ] {
        let phone = try await scene.connect()
        try await phone.send(junk + "\r\n\r\n")
        if carrier != .udp { try await scene.pool.eventually("it is closed") { !phone.isOpen } }
        await phone.close()
      }
      try await scene.counts("dropped_total{reason=\"malformed\"}")
      if carrier != .udp { try await scene.counts("dropped_total{reason=\"framingLost\"}") }
      // One with a head that can be answered is.
      let phone = try await scene.connect()
      let bad = scene.user("g", phone).register().replacing("CSeq: 1 REGISTER", with: "CSeq: x REGISTER")
      #expect(try await phone.ask(bad)?.status == 400)
      await phone.close()
    }
  }

  @Test("truncated", arguments: Carrier.allCases)
  func truncated(carrier: Carrier) async throws {
    try await with(carrier, tune: { $0.messageTime = .milliseconds(300) }) { scene in
      let phone = try await scene.connect()
      let text = scene.user("t", phone).register().replacing("Content-Length: 0", with: "Content-Length: 100")
      if carrier == .udp {
        #expect(try await phone.ask(text)?.status == 400)
        try await scene.counts("dropped_total{reason=\"malformed\"}")
      } else {
        try await phone.send(text)
        try await scene.pool.eventually("it is closed") { !phone.isOpen }
        try await scene.counts("dropped_total{reason=\"slowStream\"}")
      }
      await phone.close()
    }
  }

  @Test("enormous", arguments: Carrier.allCases)
  func enormous(carrier: Carrier) async throws {
    try await with(carrier) { scene in
      let phone = try await scene.connect()
      let long = String(repeating: "a", count: carrier == .udp ? 60_000 : 100_000)
      let text = scene.user("e", phone).register().replacing(
        "Content-Length",
        with: "X-Long: \(long)\r\nContent-Length"
      )
      #expect(try await phone.ask(text)?.status == 513)
      if carrier != .udp {
        try await scene.pool.eventually("it is closed") { !phone.isOpen }
        try await scene.counts("dropped_total{reason=\"framingLost\"}")
      }
      try await scene.counts("dropped_total{reason=\"malformed\"}")
      await phone.close()
    }
  }

  @Test("slow: a byte now and then", arguments: [Carrier.tcp, .tls])
  func slow(carrier: Carrier) async throws {
    try await with(carrier, tune: { $0.messageTime = .milliseconds(500) }) { scene in
      let phone = try await scene.connect()
      let text = scene.user("s", phone).register()
      for byte in text.prefix(40) where phone.isOpen {
        // Refused once the server has closed it.
        try? await phone.send(String(byte))
        try await Task.sleep(for: .milliseconds(50))
      }
      try await scene.pool.eventually("it is closed") { !phone.isOpen }
      try await scene.counts("dropped_total{reason=\"slowStream\"}")
    }
  }

  @Test("half-closed: what was asked is answered, then it is closed")
  func halfClosed() async throws {
    try await with(.tcp) { scene in
      let phone = try await Phone.tcp(to: scene.pool.sip(0), hears: true)
      try await phone.send(scene.user("h", phone).register())
      try await phone.halfClose()
      #expect(await phone.receive()?.status == 200)
      try await scene.counts("dropped_total{reason=\"halfClosed\"}")
      try await scene.pool.eventually("it is gone") {
        try await scene.pool.servers[0].snapshot().streams == 0
      }
      await phone.close()
    }
  }

  @Test("replayed and forged", arguments: Carrier.allCases)
  func forged(carrier: Carrier) async throws {
    let mallory = DigestUser(name: "mallory", password: "m")
    try await with(carrier, users: [mallory]) { scene in
      let phone = try await scene.connect()
      func register(_ name: String, _ cseq: Int, _ authorization: String?) async throws -> String {
        let user = scene.user(name, phone)
        let header = authorization.map { "Authorization: \($0)\r\n" } ?? ""
        return try #require(
          try await phone.ask(
            user.register(cseq: cseq).replacing("Content-Length", with: "\(header)Content-Length")
          )
        )
      }
      let nonce = try #require(try await register("mallory", 1, nil).nonce)
      let right = mallory.answer("REGISTER", nonce: nonce, count: 1)
      #expect(try await register("mallory", 2, right).status == 200)
      // Heard and sent again with another contact's CSeq.
      let replayed = try await register("mallory", 3, right)
      #expect(replayed.status == 401 && replayed.contains("stale=true"))
      try await scene.counts("authentications_total{outcome=\"stale\"}")
      let realm = mallory.answer("REGISTER", nonce: nonce, count: 2).replacing(
        "realm=\"example.com\"",
        with: "realm=\"x\""
      )
      #expect(try await register("mallory", 4, realm).status == 401)
      try await scene.counts("authentications_total{outcome=\"wrongRealm\"}")
      let forged = mallory.answer("REGISTER", nonce: String(nonce.reversed()), count: 1)
      #expect(try await register("mallory", 5, forged).status == 401)
      try await scene.counts("authentications_total{outcome=\"forgedNonce\"}")
      let guess = DigestUser(name: "mallory", password: "x").answer("REGISTER", nonce: nonce, count: 3)
      #expect(try await register("mallory", 6, guess).status == 401)
      try await scene.counts("authentications_total{outcome=\"wrongHash\"}")
      // Its own password, another's registration.
      let fresh = try #require(try await register("victim", 7, nil).nonce)
      let taken = try await register("victim", 8, mallory.answer("REGISTER", nonce: fresh, count: 1))
      #expect(taken.status == 403)
      try await scene.counts("authentications_total{outcome=\"other\"}")
      await phone.close()
    }
  }

  @Test("flooding: one address has its share, and the others theirs")
  func flood() async throws {
    try await with(
      .udp,
      tune: {
        $0.loopbackIsUnlimited = false
        $0.requestsPerSecondAndSource = 50
        $0.burstPerSource = 100
      }
    ) { scene in
      let phone = try await scene.connect()
      let user = scene.user("f", phone)
      for _ in 0..<1_000 { try await phone.send(user.request("OPTIONS", "sip:example.com", to: "f")) }
      try await scene.counts("dropped_total{reason=\"sourceLimit\"}")
      // The victim's address is another one.
      let owner = TestUser("victim", scene.victim, host: "127.0.0.2")
      #expect(try await scene.victim.ask(owner.register(cseq: 10), within: .seconds(2))?.status == 200)
      await phone.close()
    }
  }

  @Test("flooding: what a socket has no room for is counted, and then new requests hear 503")
  func socketFull() async throws {
    try await with(.udp, tune: { $0.datagramBufferBytes = 4_096 }) { scene in
      let refused = "refused_total{reason=\"overload\"}"
      let phones = try await [scene.connect(), scene.connect(), scene.connect(), scene.connect()]
      for round in 0..<400 where scene.counter(refused) == 0 {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for (index, phone) in phones.enumerated() {
            let user = scene.user("f\(index)", phone)
            let texts = (1...50).map { user.register(cseq: round * 100 + $0) }
            group.addTask { for text in texts { try await phone.send(text) } }
          }
          try await group.waitForAll()
        }
      }
      try await scene.counts(refused)
      try await scene.counts("dropped_total{reason=\"socketFull\"}")
      for phone in phones { await phone.close() }
    }
  }

  @Test("flooding: connections of one address beyond its share are closed")
  func connections() async throws {
    try await with(.tcp, tune: { $0.connectionsPerPeer = 2 }) { scene in
      var phones: [Phone] = []
      for _ in 0..<5 { phones.append(try await scene.connect()) }
      try await scene.pool.eventually("three are closed") { phones.count { $0.isOpen } == 2 }
      try await scene.counts("dropped_total{reason=\"connectionLimit\"}")
      for phone in phones { await phone.close() }
    }
  }
}
