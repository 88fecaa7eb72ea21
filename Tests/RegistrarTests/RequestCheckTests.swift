import Registrar
import SIPMessage
import Testing

@Suite struct RequestCheckTests {
  static let check = RequestCheck(tagKey: .init(low: 1, high: 2))

  /// A good OPTIONS with lines replaced or added; an empty value takes the line out.
  private func request(
    _ changes: [String: String],
    line: String = "OPTIONS sip:bob@example.com SIP/2.0",
    extra: String = ""
  ) throws -> SIPMessage {
    let lines = [
      ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("Max-Forwards", "70"), ("To", "<sip:bob@example.com>"),
      ("From", "<sip:a@b>;tag=1"), ("Call-ID", "x"), ("CSeq", "1 OPTIONS"),
    ]
    let text = lines.compactMap { name, value -> String? in
      let value = changes[name] ?? value
      return value.isEmpty ? nil : "\(name): \(value)\n"
    }
    return try SIPMessage(parsing: wire("\(line)\n\(text.joined())\(extra)Content-Length: 0\n\n"))
  }

  private func status(_ message: SIPMessage, _ purpose: RequestCheck.Purpose = .answer(allowed: [.options]))
    -> Int
  {
    switch Self.check.outcome(of: message, for: purpose) {
    case .passed: return 0
    case .refused(let reply): return reply.status
    case .dropped: return -1
    }
  }

  @Test(arguments: [
    ("To", "", 400), ("From", "", 400), ("Call-ID", "", 400), ("CSeq", "", 400), ("Via", "", 400),
    ("Max-Forwards", "", 0),
    ("To", "\"Mr. User <sip:j@example.com>", 400),
    ("To", "\"Watson, Thomas\" < sip:t.watson@example.org >", 400),
    ("From", "Bell, Alexander <sip:a.g.bell@example.com>;tag=43", 400), ("CSeq", "1 INVITE", 400),
    ("CSeq", "1 options", 400), ("CSeq", "36893488147419103232 OPTIONS", 400), ("Max-Forwards", "300", 400),
    ("Max-Forwards", "0", 0), ("Via", "SIP/2.0/UDP 192.0.2.15;;,;,,", 400), ("Call-ID", "a b", 400),
    ("From", "<http://www.example.com>;tag=1", 0), ("From", "<sip:a@b>", 0), ("Via", "SIP/2.0/UDP h", 0),
  ])
  func asksForTheMandatoryHeaderFields(_ name: String, _ value: String, _ expected: Int) throws {
    #expect(status(try request([name: value])) == expected)
  }

  @Test(arguments: [
    ("OPTIONS sip:bob@example.com SIP/7.0", 505),
    ("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", 416),
    ("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", 416), ("OPTIONS tel:+1 SIP/2.0", 416),
    ("OPTIONS <sip:user@example.com> SIP/2.0", 400), ("OPTIONS sip:2001:db8::10 SIP/2.0", 400),
    ("OPTIONS sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", 400),
    ("OPTIONS sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1@example.com SIP/2.0", 0),
    ("OPTIONS sip:[2001:db8::10] SIP/2.0", 0),
  ])
  func readsTheRequestLine(_ line: String, _ expected: Int) throws {
    #expect(status(try request([:], line: line)) == expected)
  }

  @Test(arguments: [
    "To: <sip:b>\n", "CSeq: 1 OPTIONS\n", "Call-ID: y\n", "From: <sip:x>;tag=2\n", "Max-Forwards: 70\n",
  ])
  func refusesTwoOfAKind(_ line: String) throws {
    #expect(status(try request([:], extra: line)) == 400)
  }

  @Test func knowsMethods() throws {
    let bye = try request(["CSeq": "1 BYE"], line: "BYE sip:x SIP/2.0")
    guard
      case .refused(let reply) = Self.check.outcome(of: bye, for: .answer(allowed: [.options, .register]))
    else {
      Issue.record("not refused")
      return
    }
    #expect(reply.status == 405)
    #expect(reply.headers.bytes.text == "Allow: OPTIONS, REGISTER\r\n")
    let other = try request(["CSeq": "1 DANCE"], line: "DANCE sip:x SIP/2.0")
    #expect(status(other) == 501)
    #expect(status(other, .forward) == 0)
  }

  @Test func knowsExtensions() throws {
    let require = try request(
      [:],
      extra: "Require: nothingSupportsThis, path\nRequire: nothingSupportsThisEither\n"
    )
    guard case .refused(let reply) = Self.check.outcome(of: require, for: .answer(allowed: [.options])) else {
      Issue.record("not refused")
      return
    }
    #expect(reply.status == 420)
    #expect(reply.headers.bytes.text == "Unsupported: nothingSupportsThis, nothingSupportsThisEither\r\n")
    #expect(status(require, .forward) == 0)
    let proxy = try request([:], extra: "Proxy-Require: noProxiesSupportThis\n")
    #expect(status(proxy) == 0)
    #expect(status(proxy, .forward) == 420)
    let cancel = try request(["CSeq": "1 CANCEL"], line: "CANCEL sip:x SIP/2.0", extra: "Require: x\n")
    #expect(status(cancel, .answer(allowed: [.cancel])) == 0)
  }

  @Test func guardsAgainstLoops() throws {
    #expect(status(try request(["Max-Forwards": "0"]), .forward) == 483)
    #expect(status(try request(["Max-Forwards": "1"]), .forward) == 0)
    guard case .refused(let reply) = Self.check.outcome(of: try request([:]), for: .forward, hasLooped: true)
    else {
      Issue.record("not refused")
      return
    }
    #expect(reply.status == 482)
  }

  @Test func answersNothingToAnACK() throws {
    let ack = try request(["CSeq": "1 ACK", "To": ""], line: "ACK sip:x SIP/2.0")
    #expect(status(ack, .forward) == -1)
  }

  @Test func answersWhatDoesNotParse() throws {
    let bytes = wire(
      "OPTIONS  sip:x SIP/2.0\nVia: SIP/2.0/UDP h\nTo: <sip:a>\nCSeq: 1 OPTIONS\nCall-ID: c\nFrom: <sip:b>\n\n"
    )
    do {
      _ = try SIPMessage(parsing: bytes)
      Issue.record("it parsed")
    } catch {
      let answer = try #require(Self.check.answer(toUnparsable: bytes, error))
      #expect(answer.1.status == 400)
      #expect(
        try answer.1.write(for: answer.0).text.hasPrefix(
          "SIP/2.0 400 Bad Start Line\r\nVia: SIP/2.0/UDP h\r\n"
        )
      )
    }
    #expect(Self.check.answer(toUnparsable: bytes, SIPParseError(.empty, status: nil)) == nil)
    #expect(Self.check.answer(toUnparsable: [0, 1, 2], SIPParseError(.badHeaderLine)) == nil)
  }
}
