import Testing

@testable import FrontEnd

/// A REGISTER as anybody may send it, and what has to come back.
struct Scenario: Sendable, CustomTestStringConvertible {
  var name: String
  /// Replaces the request line; without the version.
  var line = "REGISTER sip:example.com"
  var version = "SIP/2.0"
  /// Lines that take the place of those of the same name; an empty value takes the line out.
  var lines: [(String, String)] = []
  /// Further lines, as they are.
  var more: [String] = []
  var body = ""
  /// The status; `nil` when nothing may come back.
  var status: Int?
  /// Header fields that the answer must have, and what must be in them.
  var headers: [(String, String)] = []

  var testDescription: String { name }

  func text(_ number: Int, port: Int, transport: String) -> String {
    let method = line.prefix { $0 != " " }
    var fields: [(String, String)] = [
      ("Via", "SIP/2.0/\(transport) 127.0.0.1:\(port);branch=z9hG4bKbb\(TestUser.unique());rport"),
      ("Max-Forwards", "70"), ("From", "<sip:bb\(number)@example.com>;tag=t"),
      ("To", "<sip:bb\(number)@example.com>"),
      ("Call-ID", "bb-\(TestUser.unique())"), ("CSeq", "1 \(method)"),
      ("Contact", "<sip:bb@127.0.0.1:\(port)>"), ("Content-Length", "\(body.utf8.count)"),
    ]
    for (name, value) in lines {
      fields = fields.compactMap { $0.0 != name ? $0 : value.isEmpty ? nil : (name, value) }
    }
    let all = fields.map { "\($0.0): \($0.1)" } + more
    return "\(line) \(version)\r\n\(all.joined(separator: "\r\n"))\r\n\r\n\(body)"
  }
}

@Suite("Whatever comes in is answered as RFC 3261 says", .timeLimit(.minutes(2)))
struct BlackBoxTests {
  static let scenarios: [Scenario] = registrations + expiries + refusals + methods

  static let registrations = [
    Scenario(name: "plain", status: 200, headers: [("Contact", "expires="), ("Date", "GMT")]),
    Scenario(name: "a query", lines: [("Contact", "")], status: 200),
    Scenario(
      name: "compact forms",
      lines: [("Via", ""), ("From", ""), ("To", ""), ("Call-ID", ""), ("Contact", "")],
      more: [
        "v: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bKcompact;rport", "f: <sip:c@example.com>;tag=1",
        "t: <sip:c@example.com>", "i: compact", "m: <sip:c@127.0.0.1:9>",
      ],
      status: 200,
      headers: [("Contact", "<sip:c@127.0.0.1:9>")]
    ),
    Scenario(
      name: "folded lines and odd white space",
      lines: [("CSeq", "1\r\n \t REGISTER"), ("Contact", "\r\n <sip:f@127.0.0.1:9>\r\n\t;q=0.5")],
      status: 200,
      headers: [("Contact", "q=0.5")]
    ),
    Scenario(
      name: "several contacts in one line and in two",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;q=0.1, \"B, b\" <sip:b@127.0.0.1:2>")],
      more: ["Contact: sip:c@127.0.0.1:3;expires=90"],
      status: 200,
      headers: [("Contact", "<sip:a@127.0.0.1:1>")]
    ),
    Scenario(
      name: "twenty contacts",
      lines: [("Contact", (1...20).map { "<sip:x@127.0.0.1:\($0)>" }.joined(separator: ", "))],
      status: 200
    ),
    Scenario(
      name: "q out of range",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;q=1.1")],
      status: 400
    ),
    Scenario(
      name: "an address-of-record with escapes and parameters",
      lines: [("To", "<sip:%62b%30esc@EXAMPLE.com;user=phone>")],
      status: 200
    ),
    Scenario(name: "hops used up at the registrar", lines: [("Max-Forwards", "0")], status: 200),
    Scenario(name: "no Max-Forwards, as in RFC 2543", lines: [("Max-Forwards", "")], status: 200),
    Scenario(name: "Record-Route", more: ["Record-Route: <sip:p.example.net;lr>"], status: 200),
    Scenario(name: "an unknown header field", more: ["X-Odd: ;;,,"], status: 200),
    Scenario(name: "Supported with nothing in it", more: ["Supported:"], status: 200),
    Scenario(
      name: "a body that nobody asked for",
      more: ["Content-Type: text/plain"],
      body: "hello",
      status: 200
    ),
    Scenario(name: "sips", line: "REGISTER sips:example.com", status: 200),
  ]

  static let expiries = [
    Scenario(name: "Expires", more: ["Expires: 120"], status: 200, headers: [("Contact", "expires=120")]),
    Scenario(
      name: "the contact's own expiry goes first",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;expires=90")],
      more: ["Expires: 120"],
      status: 200,
      headers: [("Contact", "expires=90")]
    ),
    Scenario(name: "no expiry", status: 200, headers: [("Contact", "expires=3600")]),
    Scenario(
      name: "garbage for Expires",
      more: ["Expires: soon"],
      status: 200,
      headers: [("Contact", "expires=3600")]
    ),
    Scenario(
      name: "a negative expiry",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;expires=-5")],
      status: 200,
      headers: [("Contact", "expires=3600")]
    ),
    Scenario(
      name: "2^32",
      more: ["Expires: 4294967296"],
      status: 200,
      headers: [("Contact", "expires=7200")]
    ),
    Scenario(
      name: "an expiry of forty digits",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;expires=\(String(repeating: "9", count: 40))")],
      status: 200,
      headers: [("Contact", "expires=7200")]
    ),
    Scenario(name: "too brief", more: ["Expires: 5"], status: 423, headers: [("Min-Expires", "60")]),
    Scenario(
      name: "one of two too brief: none",
      lines: [("Contact", "<sip:a@127.0.0.1:1>, <sip:b@127.0.0.1:1>;expires=2")],
      status: 423,
      headers: [("Min-Expires", "60")]
    ),
    Scenario(name: "0 for what is not there", more: ["Expires: 0"], status: 200),
    Scenario(name: "remove all", lines: [("Contact", "*")], more: ["Expires: 0"], status: 200),
    Scenario(name: "* without Expires", lines: [("Contact", "*")], status: 400),
    Scenario(name: "* with an hour", lines: [("Contact", "*")], more: ["Expires: 3600"], status: 400),
    Scenario(
      name: "* and another",
      lines: [("Contact", "*, <sip:a@127.0.0.1:1>")],
      more: ["Expires: 0"],
      status: 400
    ),
  ]

  static let refusals = [
    Scenario(name: "no Call-ID", lines: [("Call-ID", "")], status: 400),
    Scenario(name: "no CSeq", lines: [("CSeq", "")], status: 400),
    Scenario(name: "no From", lines: [("From", "")], status: 400),
    Scenario(name: "no To", lines: [("To", "")], status: 400),
    Scenario(name: "two To", more: ["To: <sip:x@example.com>"], status: 400),
    Scenario(name: "a CSeq of 2^32", lines: [("CSeq", "4294967296 REGISTER")], status: 400),
    Scenario(name: "a CSeq of another method", lines: [("CSeq", "1 INVITE")], status: 400),
    Scenario(name: "a CSeq without a method", lines: [("CSeq", "1")], status: 400),
    Scenario(name: "Max-Forwards of 256", lines: [("Max-Forwards", "256")], status: 400),
    Scenario(name: "a negative Content-Length", lines: [("Content-Length", "-1")], status: 400),
    Scenario(name: "two Content-Lengths", more: ["Content-Length: 0"], status: 400),
    Scenario(name: "a header line without a colon", more: ["nonsense"], status: 400),
    Scenario(name: "a contact that is no URI", lines: [("Contact", "<nonsense>")], status: 400),
    Scenario(name: "an open quote", lines: [("Contact", "\"open <sip:a@127.0.0.1:1>")], status: 400),
    Scenario(name: "another version", version: "SIP/3.0", status: 505),
    Scenario(name: "an unknown scheme", line: "REGISTER odd:example.com", status: 416),
    Scenario(name: "tel", line: "REGISTER tel:+15551234", status: 416),
    Scenario(name: "a domain that is not ours", line: "REGISTER sip:example.org", status: 404),
    Scenario(name: "an AoR that is not ours", lines: [("To", "<sip:a@example.org>")], status: 404),
    Scenario(name: "a To that is no sip URI", lines: [("To", "<tel:+15551234>")], status: 400),
    Scenario(name: "angle brackets about the Request-URI", line: "REGISTER <sip:example.com>", status: 400),
    Scenario(name: "headers in the Request-URI", line: "REGISTER sip:example.com?a=b", status: 400),
    Scenario(
      name: "an extension that we do not know",
      more: ["Require: path, nothing, another"],
      status: 420,
      headers: [("Unsupported", "nothing, another")]
    ),
    Scenario(
      name: "more contacts than a request may have",
      lines: [("Contact", (1...40).map { "<sip:x@127.0.0.1:\($0)>" }.joined(separator: ", "))],
      status: 513
    ),
  ]

  static let methods = [
    Scenario(
      name: "OPTIONS to the server",
      line: "OPTIONS sip:SERVER",
      status: 200,
      headers: [("Allow", "REGISTER")]
    ),
    Scenario(
      name: "OPTIONS with its hops used up",
      line: "OPTIONS sip:SERVER",
      lines: [("Max-Forwards", "0")],
      status: 200
    ),
    Scenario(
      name: "MESSAGE with its hops used up",
      line: "MESSAGE sip:nobody@example.com",
      lines: [("Max-Forwards", "0")],
      status: 483
    ),
    Scenario(
      name: "an extension for proxies that we do not know",
      line: "MESSAGE sip:nobody@example.com",
      more: ["Proxy-Require: odd"],
      status: 420,
      headers: [("Unsupported", "odd")]
    ),
    Scenario(name: "CANCEL of nothing", line: "CANCEL sip:SERVER", status: 481),
    Scenario(
      name: "BYE of nothing",
      line: "BYE sip:SERVER",
      lines: [("To", "<sip:x@example.com>;tag=1")],
      status: 481
    ),
    Scenario(name: "a method that nobody knows", line: "FLY sip:SERVER", status: 501),
    Scenario(
      name: "a method that is not for a server",
      line: "PUBLISH sip:SERVER",
      status: 405,
      headers: [("Allow", "OPTIONS")]
    ),
    Scenario(name: "ACK of nothing", line: "ACK sip:SERVER"),
    Scenario(name: "ACK for nobody", line: "ACK sip:nobody@example.com"),
    Scenario(name: "an ACK with a bad CSeq", line: "ACK sip:nobody@example.com", lines: [("CSeq", "x ACK")]),
  ]

  @Test("over UDP and TCP alike", arguments: [false, true])
  func all(stream: Bool) async throws {
    try await TestPool.single { pool in
      let server = "\(try pool.sip(0))"
      for (number, scenario) in Self.scenarios.enumerated() {
        // Some of them end a stream: each gets one of its own.
        let phone = try await stream ? Phone.tcp(to: pool.sip(0)) : Phone.udp(to: pool.sip(0))
        let text = scenario.text(number, port: phone.port, transport: stream ? "TCP" : "UDP")
          .replacing("SERVER", with: server)
        try await phone.send(text)
        let answer = await phone.receive(within: scenario.status == nil ? .milliseconds(150) : .seconds(4))
        #expect(answer?.status == scenario.status, "\(scenario.name): \(answer ?? "nothing")")
        for (name, value) in scenario.headers {
          #expect(answer?.header(name)?.contains(value) == true, "\(scenario.name): \(answer ?? "nothing")")
        }
        await phone.close()
      }
      let phone = try await Phone.udp(to: pool.sip(0))
      #expect(try await phone.ask(TestUser("last", phone).register())?.status == 200)
      await phone.close()
    }
  }

  @Test("Content-Length of a datagram: what is behind the body is no part of it, what is missing is an error")
  func contentLength() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("length", phone)
      #expect(try await phone.ask(user.register(cseq: 1) + "INVITE rubbish")?.status == 200)
      let long = user.register(cseq: 2).replacing("Content-Length: 0", with: "Content-Length: 9999")
      #expect(try await phone.ask(long)?.status == 400)
      let without = user.register(cseq: 3).replacing("Content-Length: 0\r\n", with: "")
      #expect(try await phone.ask(without)?.status == 200)
      await phone.close()
    }
  }

  @Test("all of a request's contacts or none, and CSeq and Call-ID say what counts")
  func order() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("order", phone)
      let other = "<sip:order@127.0.0.1:7>"
      #expect(try await phone.ask(user.register(cseq: 5))?.status == 200)
      // One of them is older than what is there: neither is taken.
      let both = "<\(user.contact)>;expires=600, \(other)"
      #expect(try await phone.ask(user.register(cseq: 4, contact: both))?.status == 500)
      let query = try await phone.ask(user.register(cseq: 6, expires: nil))
      #expect(query?.contains("127.0.0.1:7") == false)
      // Another Call-ID: another client, or one that was started anew.
      let anew = user.register(cseq: 1, contact: other, callID: "anew")
      #expect(try await phone.ask(anew)?.status == 200)
      let gone = try await phone.ask(user.register(cseq: 7, expires: 0))
      #expect(gone?.status == 200)
      #expect(gone?.contains("127.0.0.1:7") == true)
      #expect(gone?.contains("127.0.0.1:\(phone.port)>;") == false)
      await phone.close()
    }
  }

  @Test("contacts are the same when 19.1.4 says so")
  func sameContacts() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let pairs: [(String, String, Bool)] = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true),
        (
          "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
          "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true
        ),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
        ("sip:bob@biloxi.com:5060", "sip:bob@biloxi.com:6000;transport=tcp", false),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false),
      ]
      for (number, (one, two, same)) in pairs.enumerated() {
        let user = TestUser("same\(number)", phone)
        #expect(try await phone.ask(user.register(cseq: 1, contact: "<\(one)>"))?.status == 200)
        let answer = try #require(try await phone.ask(user.register(cseq: 2, contact: "<\(two)>")))
        let count = answer.split(separator: "\r\n").count { $0.hasPrefix("Contact:") }
        #expect(count == (same ? 1 : 2), "\(one) and \(two): \(answer)")
      }
      await phone.close()
    }
  }

  @Test("what is no message, and answers to nothing, get no answer and harm nobody")
  func noise() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let via = "Via: SIP/2.0/UDP 127.0.0.1:\(phone.port);branch=z9hG4bKnoise"
      for text in [
        "SIP/2.0 200 OK\r\n\(via)\r\n\r\n", "SIP/2.0 999 Odd\r\n\(via)\r\n\r\n", "SIP/2.0 \r\n\r\n",
        "\r\n\r\n\r\n\r\n", "REGISTER", "REGISTER sip:example.com\r\n\r\n", "\u{0}\u{0}\u{0}\u{0}",
        "REGISTER sip:example.com SIP/2.0\r\n\r\n", String(repeating: "\u{FF}", count: 3_000),
      ] {
        try await phone.send(text)
      }
      #expect(await phone.receive(within: .milliseconds(300)) == nil)
      #expect(try await phone.ask(TestUser("noise", phone).register())?.status == 200)
      await phone.close()
    }
  }
}
