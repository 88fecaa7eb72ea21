import SIPMessage
import Testing

@Suite struct SIPMessageTests {
  static let register = wire(
    """
    REGISTER sip:registrar.biloxi.com SIP/2.0
    Via: SIP/2.0/UDP bobspc.biloxi.com:5060;branch=z9hG4bKnashds7;rport
    Max-Forwards: 70
    To: Bob <sip:bob@biloxi.com>
    From: Bob <sip:bob@biloxi.com>;tag=456248
    Call-ID: 843817637684230@998sdasdh09
    CSeq: 1826 REGISTER
    Contact: <sip:bob@192.0.2.4>;q=0.5
    Expires: 7200
    Content-Length: 0


    """
  )

  @Test func readsARegister() throws {
    let message = try SIPMessage(parsing: Self.register)
    #expect(message.isRequest)
    #expect(message.method == .register)
    #expect(message.hasSupportedVersion)
    #expect(message.requestURIBytes.text == "sip:registrar.biloxi.com")
    #expect(try message.cseq == CSeq(number: 1_826, method: .register))
    #expect(try message.cseqMatchesMethod)
    #expect(try message.callID.text == "843817637684230@998sdasdh09")
    #expect(try message.from.tag?.text == "456248")
    #expect(try message.from.displayName.text == "Bob")
    #expect(try message.to.tag == nil)
    let via = try message.topVia
    #expect(via.transport.text == "UDP")
    #expect(via.host.text == "bobspc.biloxi.com")
    #expect(via.port == 5_060)
    #expect(via.branch?.text == "z9hG4bKnashds7")
    #expect(via.hasMagicCookie)
    #expect(via.rport == .requested)
    #expect(via.received == nil)
    #expect(try message.maxForwards == 70)
    #expect(message.expires == 7_200)
    #expect(message.contentLength == 0)
    #expect(message.body.isEmpty)
    guard case .contacts(let contacts) = try message.contacts() else {
      Issue.record("no contacts")
      return
    }
    #expect(contacts.count == 1)
    #expect(contacts.first?.q == 500)
    #expect(contacts.first?.expires == nil)
    #expect(contacts.first?.uri.raw.text == "sip:bob@192.0.2.4")
  }

  @Test(arguments: [
    ("v", SIPHeaderName.via), ("F", .from), ("t", .to), ("i", .callID), ("M", .contact),
    ("l", .contentLength),
    ("c", .contentType), ("k", .supported), ("e", .contentEncoding), ("s", .subject), ("o", .event),
    ("u", .allowEvents),
    ("r", .referTo), ("b", .referredBy), ("x", .sessionExpires), ("a", .acceptContact), ("j", .rejectContact),
    ("d", .requestDisposition), ("CALL-id", .callID), ("www-authenticate", .wwwAuthenticate),
    ("Proxy-Authorization", .proxyAuthorization), ("max-forwards", .maxForwards), ("max-forwardz", .other),
    ("Subscription-State", .subscriptionState), ("y", .other), ("Via2", .other), ("", .other),
    ("max\rforwards", .other), ("CSeq", .cseq), ("RSeq", .rseq),
  ])
  func namesHeaderFields(_ text: String, _ name: SIPHeaderName) {
    #expect(SIPHeaderName(text) == name)
  }

  @Test func namesAllItKnows() {
    for name in SIPHeaderName.allCases where name != .other { #expect(SIPHeaderName(name.text) == name) }
  }

  @Test func namesAllMethods() throws {
    for method in SIPMethod.allCases where method != .other {
      let message = try SIPMessage(parsing: wire("\(method.rawValue) sip:x SIP/2.0\n\n"))
      #expect(message.method == method)
    }
    #expect(try SIPMessage(parsing: wire("Register sip:x SIP/2.0\n\n")).method == .other)
    #expect(try SIPMessage(parsing: wire("REGISTERS sip:x SIP/2.0\n\n")).method == .other)
  }

  @Test func splitsValuesAtCommasThatSeparate() throws {
    let message = try SIPMessage(
      parsing: wire(
        """
        INVITE sip:x SIP/2.0
        Contact: "A, \\"B\\" <" <sip:a,b@c>;q=1 , <sip:d>;x="1,2"
        m: sip:e@f
        Route: <sip:a;lr>,<sip:b;lr>
        Server: x (one, two), y
        Supported: path,, outbound ,
        Require:


        """
      )
    )
    #expect(
      message.values(of: .contact).map(\.text)
        == ["\"A, \\\"B\\\" <\" <sip:a,b@c>;q=1", "<sip:d>;x=\"1,2\"", "sip:e@f"]
    )
    #expect(message.values(of: .route).map(\.text) == ["<sip:a;lr>", "<sip:b;lr>"])
    #expect(message.values(of: .server).map(\.text) == ["x (one, two)", "y"])
    #expect(message.values(of: .supported).map(\.text) == ["path", "", "outbound", ""])
    #expect(message.supports("OUTBOUND"))
    #expect(!message.supports("gruu"))
    #expect(message.contains(.require))
    #expect(message.requires.isEmpty)
    #expect(try message.routes.map { try $0.uri.host.text } == ["a", "b"])
  }

  @Test func keepsWhatItDoesNotKnow() throws {
    let message = try SIPMessage(
      parsing: wire("FANCY sip:x SIP/2.0\nX-Own_Header*: a, b\n ;c\nCSeq: 4 FANCY\n\nbody")
    )
    #expect(message.method == .other)
    #expect(message.methodBytes.text == "FANCY")
    #expect(message.header(named: "x-own_header*")?.text == "a, b\r\n ;c")
    #expect(try message.cseqMatchesMethod)
    #expect(message.body.text == "body")
  }

  @Test func readsResponses() throws {
    let message = try SIPMessage(parsing: wire("SIP/2.0 200 = 2**3 * 5**2 но\nCSeq: 1 INVITE\n\n"))
    #expect(!message.isRequest)
    #expect(message.status == 200)
    #expect(message.reasonBytes.text == "= 2**3 * 5**2 но")
    #expect(try SIPMessage(parsing: wire("SIP/2.0 100 \n\n")).reasonBytes.isEmpty)
    #expect(try SIPMessage(parsing: wire("sip/2.0 100\n\n")).status == 100)
  }

  @Test func cutsADatagramAfterItsBody() throws {
    let message = try SIPMessage(parsing: wire("INVITE sip:x SIP/2.0\nl: 3\n\nabcdef"))
    #expect(message.body.text == "abc")
    #expect(message.bytes.last == UInt8(ascii: "c"))
    let open = try SIPMessage(parsing: wire("INVITE sip:x SIP/2.0\n\nabcdef"))
    #expect(open.body.text == "abcdef")
    #expect(try SIPMessage(parsing: wire("\n\nINVITE sip:x SIP/2.0\nl: 1\n\nabcdef")).body.text == "a")
  }

  @Test(arguments: [
    ("GET /index.html HTTP/1.1\n\n", Int?.none, SIPParseError.Reason.badStartLine),
    ("\n\n", nil, .empty), ("x", nil, .badStartLine), ("INVITE\n\n", nil, .badStartLine),
    ("INVITE sip:x\n\n", nil, .badStartLine), ("INVITE  sip:x SIP/2.0\n\n", 400, .badStartLine),
    ("INVITE sip:x  SIP/2.0\n\n", 400, .badStartLine), ("INVITE sip:x SIP/2.0 \n\n", 400, .badStartLine),
    ("INVITE sip:a; lr SIP/2.0\n\n", 400, .badStartLine),
    ("INVITE sip:x SIP/2.0\nVia\n\n", 400, .badHeaderLine),
    ("INVITE sip:x SIP/2.0\n: a\n\n", 400, .badHeaderLine),
    ("INVITE sip:x SIP/2.0\nA: b", 400, .unterminated),
    ("INVITE sip:x SIP/2.0\nA: b\n", 400, .unterminated),
    ("INVITE sip:x SIP/2.0\nl: 5\n\nabc", 400, .badContentLength),
    ("INVITE sip:x SIP/2.0\nl: -1\n\nabc", 400, .badContentLength),
    ("INVITE sip:x SIP/2.0\nl: 1\nContent-Length: 1\n\nabc", 400, .badContentLength),
    ("INVITE sip:x SIP/2.0\nl: 99999999999999999999999\n\nabc", 400, .badContentLength),
    ("INVITE sip:x SIP/2.0\nl:\n\nabc", 400, .badContentLength),
    ("SIP/2.0 4294967301 x\n\n", nil, .badStatusLine),
    ("SIP/2.0 99 x\n\n", nil, .badStatusLine), ("SIP/2.0 700 x\n\n", nil, .badStatusLine),
    ("SIP/3.0 200 x\n\n", nil, .badStatusLine), ("INVITE sip:x SIP/2.0\nA: b\rc: d\n\n", 400, .badHeaderLine),
    ("INVITE sip:x XIP/2.0\n\n", nil, .badStartLine), ("INVITE sip:x SIP/2\n\n", nil, .badStartLine),
  ])
  func refuses(_ text: String, _ status: Int?, _ reason: SIPParseError.Reason) {
    let error = #expect(throws: SIPParseError.self) { try SIPMessage(parsing: wire(text)) }
    #expect(error?.reason == reason)
    #expect(error?.status == status)
  }

  @Test func refusesALineFeedAlone() {
    let bytes = Array("INVITE sip:x SIP/2.0\r\nA: b\nVia: forged\r\n\r\n".utf8)
    let error = #expect(throws: SIPParseError.self) { try SIPMessage(parsing: bytes) }
    #expect(error?.reason == .badHeaderLine)
  }

  @Test func knowsOtherVersions() throws {
    #expect(try !SIPMessage(parsing: wire("OPTIONS sip:x SIP/7.0\n\n")).hasSupportedVersion)
    #expect(try !SIPMessage(parsing: wire("OPTIONS sip:x SIP/2.00\n\n")).hasSupportedVersion)
    #expect(try SIPMessage(parsing: wire("OPTIONS sip:x sip/2.0\n\n")).hasSupportedVersion)
  }

  @Test func holdsToItsLimits() throws {
    var limits = SIPLimits(messageBytes: 400, startLineBytes: 40, headerCount: 3, headerBytes: 50)
    func reason(_ text: String) -> SIPParseError? {
      do throws(SIPParseError) {
        _ = try SIPMessage(parsing: wire(text), limits: limits)
        return nil
      } catch {
        return error
      }
    }
    #expect(reason("INVITE sip:x SIP/2.0\nA: 1\nA: 2\nA: 3\n\n") == nil)
    #expect(reason("INVITE sip:x SIP/2.0\nA: 1\nA: 2\nA: 3\nA: 4\n\n")?.reason == .tooManyHeaders)
    #expect(reason("INVITE sip:\(String(repeating: "x", count: 40)) SIP/2.0\n\n")?.status == 414)
    #expect(
      reason("INVITE sip:x SIP/2.0\nA: \(String(repeating: "x", count: 60))\n\n")?.reason == .headerTooLong
    )
    #expect(reason("INVITE sip:x SIP/2.0\n\n\(String(repeating: "x", count: 400))")?.status == 513)
    limits.headerCount = 4
    #expect(reason("INVITE sip:x SIP/2.0\nA: 1\nA: 2\nA: 3\nA: 4\n\n") == nil)
  }

  @Test func salvagesWhatItMustAnswer() throws {
    let bytes = wire(
      """
      INVITE  sip:user@example.com  SIP/2.0
      Via: SIP/2.0/UDP a;branch=z9hG4bK1
      this is no header
      To: <sip:b>
      From: <sip:c>;tag=1
      Call-ID: x
      CSeq: 1 INVITE
      Content-Length: -1

      body
      """
    )
    let error = #expect(throws: SIPParseError.self) { try SIPMessage(parsing: bytes) }
    #expect(error?.status == 400)
    let request = try #require(SIPMessage(salvaging: bytes))
    #expect(try request.topVia.branch?.text == "z9hG4bK1")
    let response = try request.response(status: 400, toTag: Array("t".utf8))
    #expect(
      response.text.hasPrefix(
        "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nTo: <sip:b>;tag=t"
      )
    )
    #expect(SIPMessage(salvaging: wire("ACK sip:x SIP/2.0\nVia: SIP/2.0/UDP a\nbad\n\n")) == nil)
    #expect(SIPMessage(salvaging: wire("SIP/2.0 200 OK\nVia: SIP/2.0/UDP a\nbad\n\n")) == nil)
    #expect(SIPMessage(salvaging: wire("INVITE sip:x SIP/2.0\nbad\n\n")) == nil)
    #expect(SIPMessage(salvaging: wire("garbage")) == nil)
  }
}
