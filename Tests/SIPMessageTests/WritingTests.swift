import SIPMessage
import Testing

@Suite struct WritingTests {
  static let invite = wire(
    """
    INVITE sip:bob@biloxi.com SIP/2.0
    Via: SIP/2.0/UDP a;branch=z9hG4bK1;rport, SIP/2.0/TCP b;branch=z9hG4bK2
    v: SIP/2.0/UDP c
    Route: <sip:p1;lr>, <sip:p2;lr>
    Route: <sip:p3;lr>
    Max-Forwards: 070
    To: Bob
      <sip:bob@biloxi.com>
    From: <sip:a@b>;tag=1
    Call-ID: x
    Subject: hello
    CSeq: 1 INVITE
    Content-Length: 4

    body
    """
  )

  @Test func answersAsSection826Says() throws {
    let message = try SIPMessage(parsing: Self.invite)
    var headers = SIPHeaderBlock()
    try headers.add(.contact, "<sip:me>")
    headers.add(.minExpires, 60)
    let bytes = try message.response(
      status: 200,
      toTag: Array("t1".utf8),
      headers: headers,
      body: Array("ok".utf8)[...]
    )
    #expect(
      bytes
        == wire(
          """
          SIP/2.0 200 OK
          Via: SIP/2.0/UDP a;branch=z9hG4bK1;rport, SIP/2.0/TCP b;branch=z9hG4bK2
          Via: SIP/2.0/UDP c
          To: Bob
            <sip:bob@biloxi.com>;tag=t1
          From: <sip:a@b>;tag=1
          Call-ID: x
          CSeq: 1 INVITE
          Contact: <sip:me>
          Min-Expires: 60
          Content-Length: 2

          ok
          """
        )
    )
    let parsed = try SIPMessage(parsing: bytes)
    #expect(try parsed.to.tag?.text == "t1")
    #expect(try parsed.vias.count == 3)
  }

  /// Found by fuzzing: a request with as many header fields as it may have, all of them To.
  @Test func saysOnceWhatMayStandOnce() throws {
    let lines = (0..<255).map { "To: <sip:\($0)@e>" }.joined(separator: "\n")
    let request = try SIPMessage(parsing: wire("OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/UDP a\n\(lines)\n\n"))
    #expect(throws: SIPParseError.self) { try request.to }
    let answer = try SIPMessage(parsing: try request.response(status: 400, toTag: Array("t".utf8)))
    #expect(answer.count(.to) == 1)
    #expect(try answer.to.uri.user?.text == "0")
  }

  @Test func keepsATagThatIsThere() throws {
    let message = try SIPMessage(
      parsing: wire("BYE sip:x SIP/2.0\nVia: SIP/2.0/UDP a\nTo: <sip:b>;tag=old\n\n")
    )
    let bytes = try message.response(status: 481, toTag: Array("new".utf8))
    #expect(bytes.text.contains("To: <sip:b>;tag=old\r\n"))
    #expect(!bytes.text.contains("new"))
    #expect(throws: SIPWriteError.badName) { try message.response(status: 481, toTag: Array("a\r\nb".utf8)) }
  }

  @Test(arguments: [
    ("h", "192.0.2.1", "h;received=192.0.2.1"), ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ("192.0.2.1;rport", "192.0.2.1", "192.0.2.1;received=192.0.2.1;rport=5099"),
    ("[2001:db8::1]", "2001:db8::1", "[2001:db8::1]"),
    ("h;received=forged;rport=1;branch=x", "192.0.2.1", "h;branch=x;received=192.0.2.1;rport=5099"),
    ("h;x=\"a;b\"", "2001:db8::1", "h;x=\"a;b\";received=2001:db8::1"), (";;bad", "192.0.2.1", ";;bad"),
  ])
  func notesTheSource(_ via: String, _ address: String, _ expected: String) throws {
    let message = try SIPMessage(
      parsing: wire("OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP \(via)\nVia: SIP/2.0/UDP other\n\n")
    )
    let bytes = try message.response(status: 200, source: SIPSource(address: address, port: 5_099))
    #expect(bytes.text.contains("\r\nVia: SIP/2.0/UDP \(expected)\r\nVia: SIP/2.0/UDP other\r\n"))
    #expect(throws: SIPWriteError.self) {
      let forged = SIPSource(address: "1\r\nX: y", port: 1)
      _ = try SIPMessage(parsing: wire("OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP h\n\n")).response(
        status: 200,
        source: forged
      )
    }
  }

  @Test func forwardsAsAProxy() throws {
    let message = try SIPMessage(parsing: Self.invite)
    var forwarding = SIPForwarding()
    forwarding.requestURI = Array("sip:bob@192.0.2.4".utf8)
    forwarding.via = Array("SIP/2.0/TCP me;branch=z9hG4bKme".utf8)
    forwarding.source = SIPSource(address: "192.0.2.9", port: 1)
    forwarding.decrementsMaxForwards = true
    forwarding.recordRoutes = [Array("<sip:me;lr>".utf8)]
    forwarding.removedRoutes = 1
    forwarding.removed = [.subject]
    try forwarding.added.add(named: "X-Added", Array("1".utf8)[...])
    #expect(
      try forwarding.apply(to: message)
        == wire(
          """
          INVITE sip:bob@192.0.2.4 SIP/2.0
          Via: SIP/2.0/TCP me;branch=z9hG4bKme
          Record-Route: <sip:me;lr>
          Via: SIP/2.0/UDP a;branch=z9hG4bK1;received=192.0.2.9;rport=1, SIP/2.0/TCP b;branch=z9hG4bK2
          v: SIP/2.0/UDP c
          Route: <sip:p2;lr>
          Route: <sip:p3;lr>
          Max-Forwards: 69
          To: Bob
            <sip:bob@biloxi.com>
          From: <sip:a@b>;tag=1
          Call-ID: x
          CSeq: 1 INVITE
          Content-Length: 4
          X-Added: 1

          body
          """
        )
    )
  }

  @Test func takesOffRoutesAndVias() throws {
    let message = try SIPMessage(parsing: Self.invite)
    var forwarding = SIPForwarding()
    for (count, expected) in [(2, ["<sip:p3;lr>"]), (3, []), (9, [])] {
      forwarding.removedRoutes = count
      let result = try SIPMessage(parsing: try forwarding.apply(to: message))
      #expect(result.values(of: .route).map(\.text) == expected)
    }
    forwarding = SIPForwarding()
    forwarding.removesTopVia = true
    var response = try SIPMessage(parsing: try message.response(status: 180))
    var branches: [String] = []
    for _ in 0..<3 {
      branches.append(try response.topVia.host.text)
      response = try SIPMessage(parsing: try forwarding.apply(to: response))
    }
    #expect(branches == ["a", "b", "c"])
    #expect(!response.contains(.via))
    #expect(response.status == 180)
  }

  @Test func countsHopsDown() throws {
    var forwarding = SIPForwarding()
    forwarding.decrementsMaxForwards = true
    let none = try SIPMessage(parsing: wire("OPTIONS sip:x SIP/2.0\n\n"))
    #expect(try SIPMessage(parsing: try forwarding.apply(to: none)).maxForwards == 70)
    let zero = try SIPMessage(parsing: wire("OPTIONS sip:x SIP/2.0\nMax-Forwards: 0\n\n"))
    #expect(throws: SIPWriteError.tooManyHops) { try forwarding.apply(to: zero) }
    let bad = try SIPMessage(parsing: wire("OPTIONS sip:x SIP/2.0\nMax-Forwards: 999\n\n"))
    #expect(throws: SIPWriteError.malformed(.maxForwards)) { try forwarding.apply(to: bad) }
  }

  @Test(arguments: ["a\r\nX: y", "a\nb", "a\rb", "a\u{0}b"])
  func refusesInjection(_ value: String) throws {
    let bytes = Array(value.utf8)
    var block = SIPHeaderBlock()
    #expect(throws: SIPWriteError.lineBreak) { try block.add(.contact, value) }
    #expect(throws: SIPWriteError.lineBreak) { try block.add(.contact, bytes) }
    #expect(throws: SIPWriteError.lineBreak) { try block.add(named: "X", bytes[...]) }
    #expect(throws: SIPWriteError.badName) { try block.add(named: value, [1]) }
    #expect(block.isEmpty)
    #expect(throws: SIPWriteError.self) { try SIPMessageWriter(method: .invite, uri: value) }
    #expect(throws: SIPWriteError.self) { try SIPMessageWriter(method: value, uri: bytes[...]) }
    #expect(throws: SIPWriteError.lineBreak) { try SIPMessageWriter(status: 200, reason: value) }
    let message = try SIPMessage(parsing: Self.invite)
    for change in 0..<5 {
      var forwarding = SIPForwarding()
      switch change {
      case 0: forwarding.requestURI = bytes
      case 1: forwarding.via = bytes
      case 2: forwarding.recordRoutes = [bytes]
      case 3: forwarding.path = bytes
      default: forwarding.routes = [bytes]
      }
      #expect(throws: SIPWriteError.lineBreak) { try forwarding.apply(to: message) }
    }
  }

  @Test func writesRequests() throws {
    var writer = try SIPMessageWriter(method: .options, uri: "sip:bob@biloxi.com")
    try writer.add(.via, "SIP/2.0/UDP h;branch=z9hG4bKx")
    writer.add(.maxForwards, 70)
    let bytes = writer.finish(body: Array("hi".utf8)[...])
    #expect(
      bytes
        == wire(
          "OPTIONS sip:bob@biloxi.com SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\nMax-Forwards: 70\nContent-Length: 2\n\nhi"
        )
    )
  }

  @Test func makesTheSameTagForARepeat() throws {
    let key = KeyedHash.Key(low: 1, high: 2)
    let message = try SIPMessage(parsing: Self.invite)
    #expect(message.statelessToTag(key: key) == message.statelessToTag(key: key))
    #expect(message.statelessToTag(key: key) != message.statelessToTag(key: .init(low: 1, high: 3)))
    let other = try SIPMessage(
      parsing: wire(Self.invite.text.replacing("\r\n", with: "\n").replacing("1 INVITE", with: "2 INVITE"))
    )
    #expect(message.statelessToTag(key: key) != other.statelessToTag(key: key))
    #expect(message.loopHash(key: key) != other.loopHash(key: key))
  }
}

extension String {
  fileprivate func replacing(_ old: String, with new: String) -> String {
    var rest = self[...]
    var result = ""
    while !rest.isEmpty {
      if rest.utf8.starts(with: old.utf8),
        let end = rest.utf8.index(rest.startIndex, offsetBy: old.utf8.count, limitedBy: rest.endIndex)
      {
        result += new
        rest = rest[end...]
      } else {
        result.append(rest.removeFirst())
      }
    }
    return result
  }
}
