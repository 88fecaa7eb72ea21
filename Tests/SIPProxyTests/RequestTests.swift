import Registrar
import SIPMessage
import SIPProxy
import SIPTransaction
import Testing

@Suite("Requests at the proxy") struct RequestTests {
  @Test("MESSAGE: no 100, the first 2xx, and the last response again for a repeat") func message() throws {
    let bench = ProxyBench()
    let message = try ProxyBench.request("MESSAGE")
    try bench.call(message, to: [ProxyBench.target("a"), ProxyBench.target("b")])
    bench.call(message)
    try bench.reply("a", 180, method: "MESSAGE")
    try bench.reply("a", 200, method: "MESSAGE")
    try bench.reply("b", 202, method: "MESSAGE")
    bench.call(message)
    #expect(
      bench.transcript() == """
        0 a: MESSAGE sip:bob@a.invalid
        0 b: MESSAGE sip:bob@b.invalid
        0 caller: 200 OK
        0 caller: 200 OK
        """
    )
    #expect(bench.sent["a MESSAGE"]?.message.contains(.recordRoute) == false)
    bench.wait(until: 32_000)
    #expect(bench.table.count == 0)
  }

  @Test("a MESSAGE that nobody answers gets no 408, and nobody else is tried") func timeout() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request("MESSAGE"), to: [ProxyBench.target("a"), ProxyBench.target("b", q: 1)])
    bench.wait(until: 60_000)
    let transcript = bench.transcript()
    #expect(!transcript.contains("caller"))
    #expect(!transcript.contains("b:"))
    // 0, 0.5, 1.5, 3.5, then every 4 s.
    #expect(transcript.split(separator: "\n").count == 11)
    #expect(bench.table.count == 0)
  }

  @Test("over a reliable transport a finished request is forgotten at once") func reliable() throws {
    let bench = ProxyBench(callerTransport: .reliable)
    try bench.call(ProxyBench.request("OPTIONS"), to: [ProxyBench.target("a", transport: .reliable)])
    try bench.reply("a", 200, method: "OPTIONS")
    #expect(bench.table.count == 0)
    // Without rport: the answer comes on the stream.
    #expect(bench.sent["a OPTIONS"]?.message.texts(.via).first?.contains("rport") == false)
  }

  @Test("credentials for our realm go no further, those for others do") func credentials() throws {
    let bench = ProxyBench()
    let mine =
      "Proxy-Authorization: Digest username=\"a, b\", nonce=\"n\" , Realm = \"example.com\", qop=auth\n"
    let others =
      "Proxy-Authorization: Digest username=\"realm=example.com\", realm=\"other\"\n"
      + "Authorization: Digest username=\"a\", realm=\"example.com\"\n"
    try bench.call(
      ProxyBench.request("MESSAGE", headers: "Max-Forwards: 70\n" + mine + others),
      to: [ProxyBench.target("a")]
    )
    let sent = try #require(bench.sent["a MESSAGE"]?.message)
    #expect(
      sent.headers(.proxyAuthorization).map(\.text) == [
        "Digest username=\"realm=example.com\", realm=\"other\""
      ]
    )
    #expect(sent.contains(.authorization))
  }

  @Test("what is too large for a datagram goes over a stream, and by datagram when that fails") func large()
    throws
  {
    func target(_ name: String) -> ProxyTarget<String> {
      var target = ProxyBench.target(name)
      target.overStream = [ProxyBench.target("\(name)-tcp", transport: .reliable)]
      return target
    }
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [target("a")])
    #expect(bench.transcript().hasSuffix("0 a: INVITE sip:bob@a.invalid"))
    let padding = "Subject: \(String(repeating: "x", count: 1_300))\n"
    let other = ProxyBench()
    try other.call(ProxyBench.request(headers: padding), to: [target("a"), ProxyBench.target("b")])
    #expect(other.sent.keys.sorted() == ["a-tcp INVITE", "b INVITE"])
    other.fail("a-tcp", .transport)
    #expect(other.sent["a INVITE"] != nil)
    try other.reply("a", 200)
    #expect(other.answer?.status == 200)
  }

  @Test(
    "refused at once",
    arguments: [
      ("Max-Forwards: 0\n", 483), ("Max-Forwards: 70\nProxy-Require: magic\n", 420),
      ("Max-Forwards: many\n", 400),
    ]
  )
  func refused(_ headers: String, _ status: Int) throws {
    let bench = ProxyBench()
    bench.call(try ProxyBench.request(headers: headers))
    #expect(bench.next == .done)
    #expect(bench.answer?.status == status)
    if status == 420 { #expect(bench.answer?.texts(.unsupported) == ["magic"]) }
    // Its ACK is ours.
    bench.call(try ProxyBench.request("ACK", headers: headers))
    #expect(bench.next == .done)
    bench.wait(until: 60_000)
    #expect(bench.table.count == 0)
  }

  @Test("no Max-Forwards becomes 70") func addsHops() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(headers: ""), to: [ProxyBench.target("a")])
    #expect(try bench.sent["a INVITE"]?.message.maxForwards == 70)
  }

  @Test("a loop is seen, a spiral passes") func loops() throws {
    let bench = ProxyBench()
    var target = ProxyBench.target("us")
    target.uri = Array("sip:bob@example.com".utf8)
    try bench.call(ProxyBench.request(), to: [target])
    let back = try #require(bench.sent["us INVITE"]?.message)
    let again = ProxyBench()
    again.call(back)
    #expect(again.answer?.status == 482)
    try again.call(ProxyBench.request("MESSAGE"), to: [ProxyBench.target("us")])
    let spiral = try #require(again.sent["us MESSAGE"]?.message)
    let third = ProxyBench()
    third.call(spiral)
    guard case .route = third.next else {
      Issue.record("a spiral was refused")
      return
    }
  }

  @Test("full: 503 with Retry-After, and room again afterwards") func full() throws {
    let bench = ProxyBench(callerTransport: .reliable, mostContexts: 1)
    try bench.call(ProxyBench.request("MESSAGE"), to: [ProxyBench.target("a", transport: .reliable)])
    bench.call(try ProxyBench.request("MESSAGE", branch: "z9hG4bK2"))
    #expect(bench.answer?.status == 503)
    #expect(bench.answer?.texts(.retryAfter) == ["2"])
    try bench.reply("a", 200, method: "MESSAGE")
    bench.call(try ProxyBench.request("MESSAGE", branch: "z9hG4bK3"))
    #expect(bench.table.count == 1)
    #expect(bench.table.unanswered == 1)
  }

  @Test("one source has its own limit") func perSource() throws {
    let bench = ProxyBench(callerTransport: .reliable, mostPerSource: 1)
    bench.call(try ProxyBench.request("MESSAGE"))
    bench.call(try ProxyBench.request("MESSAGE", branch: "z9hG4bK2"))
    #expect(bench.answer?.status == 503)
    var other = bench.source
    other.address = SIPSource(address: "192.0.2.10", port: 1)
    let message = try ProxyBench.request("MESSAGE", branch: "z9hG4bK3")
    let next = bench.table.requestReceived(message, from: other, at: 0).next
    #expect(next != .done)
    bench.wait(until: 10_000)
    bench.call(try ProxyBench.request("MESSAGE", branch: "z9hG4bK4"))
    #expect(bench.table.count == 1)
  }

  @Test("a stream gets the Content-Length that a datagram did without") func contentLength() throws {
    let text = String(decoding: try ProxyBench.request("MESSAGE").bytes, as: UTF8.self)
    let bare = text.replacing("Content-Length: 0\r\n", with: "") + "hello"
    let message = try SIPMessage(parsing: Array(bare.utf8))
    for transport in [TransportKind.reliable, .unreliable] {
      let bench = ProxyBench()
      try bench.call(message, to: [ProxyBench.target("a", transport: transport)])
      let sent = try #require(bench.sent["a MESSAGE"]?.message)
      #expect(sent.contentLength == (transport == .reliable ? 5 : nil))
      #expect(sent.body.text == "hello")
    }
    for transport in [TransportKind.reliable, .unreliable] {
      let bench = ProxyBench(callerTransport: transport)
      try bench.call(message, to: [ProxyBench.target("a")])
      let request = try #require(bench.sent["a MESSAGE"]?.message)
      let answer = String(decoding: try request.response(status: 200), as: UTF8.self)
      try bench.receive(Array(answer.replacing("Content-Length: 0\r\n", with: "").utf8))
      #expect(bench.answer?.contentLength == (transport == .reliable ? 0 : nil))
    }
  }

  @Test("a shell that never finds the targets") func lost() throws {
    let bench = ProxyBench()
    bench.call(try ProxyBench.request("MESSAGE"))
    bench.wait(until: 9_999)
    #expect(bench.transcript() == "")
    bench.wait(until: 10_000)
    #expect(bench.transcript() == "10000 caller: 500 Server Internal Error")
  }

  @Test("the shell answers itself") func answers() throws {
    let bench = ProxyBench()
    let invite = try ProxyBench.request()
    bench.call(invite)
    guard case .route(let id) = bench.next else {
      Issue.record("not to be routed")
      return
    }
    bench.perform(bench.table.answer(id, status: 404, at: 0))
    bench.perform(bench.table.answer(id, status: 403, at: 0))
    #expect(bench.transcript() == "0 caller: 100 Trying\n0 caller: 404 Not Found")
    #expect(try bench.answer?.to.tag != nil)
  }

  @Test("responses that are forged or for others are not ours") func strays() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("a")])
    let sent = try #require(bench.sent["a INVITE"]?.message)
    _ = bench.transcript()
    let text = String(decoding: try sent.response(status: 200), as: UTF8.self)
    let branch = try #require(try sent.topVia.branch).text
    let forged = branch.prefix(14) + "0000000000000000" + branch.dropFirst(30)
    for wrong in [
      forged.description, "z9hG4bKq2-ffffffffffffffffff-0-a-b", "z9hG4bKq2-1-ffff-a-b", "z9hG4bK",
    ] {
      let changed = text.split(separator: branch, omittingEmptySubsequences: false).joined(separator: wrong)
      try bench.receive(Array(changed.utf8))
    }
    try bench.receive(
      Array(
        text.split(separator: "1 INVITE", omittingEmptySubsequences: false).joined(separator: "1 MESSAGE")
          .utf8
      )
    )
    #expect(bench.transcript() == Array(repeating: "0 not ours", count: 5).joined(separator: "\n"))
  }

  @Test("the ACK of a 2xx is passed on without state, each copy alike") func acknowledges() throws {
    let bench = ProxyBench()
    let ack = try ProxyBench.request(
      "ACK",
      uri: "sip:bob@10.0.0.2",
      headers: "Max-Forwards: 9\nRoute: <sip:token@192.0.2.1:5060;lr>\n",
      toTag: ";tag=t"
    )
    bench.call(ack)
    #expect(bench.next == .acknowledge)
    let plan = try RoutePlan(ack) { $0.canonicalHost == "192.0.2.1" }
    #expect(plan.ownUsers == [Array("token".utf8)])
    var target = ProxyBench.target("b")
    target.uri = nil
    bench.perform(bench.table.acknowledge(ack, plan, to: target, from: bench.source))
    let first = try #require(bench.sent["b ACK"]?.message)
    bench.perform(bench.table.acknowledge(ack, plan, to: target, from: bench.source))
    #expect(bench.sent["b ACK"]?.message.bytes == first.bytes)
    #expect(first.requestURIBytes.text == "sip:bob@10.0.0.2")
    #expect(first.texts(.route).isEmpty)
    #expect(try first.maxForwards == 8)
    #expect(bench.table.count == 0)
    bench.call(try ProxyBench.request("ACK", headers: "Max-Forwards: 0\n"))
    #expect(bench.next == .done)
  }

  @Test("bindings become targets") func bindings() throws {
    let binding = Binding(
      contact: Array("sip:bob@10.0.0.2".utf8),
      parameters: Array(";+sip.instance=\"<urn:x>\";reg-id=1".utf8),
      q: 700,
      isOutbound: true,
      callID: [1],
      cseq: 1,
      expiresAt: 9,
      updatedAt: 1,
      paths: [Array("<sip:edge;lr>".utf8)]
    )
    let target = ProxyTarget(binding, destination: "x", transport: .reliable, via: [])
    #expect(target.uri == binding.contact)
    #expect(target.q == 700)
    #expect(target.device == Array("<urn:x>".utf8))
    #expect(target.routes == binding.paths)
  }
}

@Suite("Routes at the proxy") struct RouteTests {
  private func plan(_ uri: String, _ routes: String) throws -> RoutePlan {
    let message = try ProxyBench.request("BYE", uri: uri, headers: routes)
    return try RoutePlan(message) { $0.canonicalHost == "192.0.2.1" }
  }

  private func sent(_ uri: String, _ routes: String) throws -> SIPMessage {
    let bench = ProxyBench()
    let message = try ProxyBench.request("BYE", uri: uri, headers: routes)
    var target = ProxyBench.target("b")
    target.uri = nil
    try bench.call(message, to: [target])
    return try #require(bench.sent["b BYE"]?.message)
  }

  @Test("ours come off, the next is the next hop") func loose() throws {
    let routes =
      "Route: <sip:t1@192.0.2.1;lr>, <sip:t2@192.0.2.1;lr>\nRoute: \"x\" <sip:next;lr>,\n <sip:last;lr>\n"
    let plan = try plan("sip:bob@10.0.0.2", routes)
    #expect(plan.ownUsers == [Array("t1".utf8), Array("t2".utf8)])
    #expect(plan.routes.count == 2)
    #expect(try plan.nextHop.raw.text == "sip:next;lr")
    let sent = try sent("sip:bob@10.0.0.2", routes)
    #expect(sent.requestURIBytes.text == "sip:bob@10.0.0.2")
    #expect(sent.texts(.route) == ["\"x\" <sip:next;lr>", "<sip:last;lr>"])
  }

  @Test("without Route the Request-URI is the next hop") func none() throws {
    #expect(try plan("sip:bob@10.0.0.2:5070", "").nextHop.port == 5_070)
  }

  @Test("a strict router before us") func strictBefore() throws {
    let sent = try sent("sip:token@192.0.2.1;lr", "Route: <sip:next;lr>, <sip:bob@10.0.0.2>\n")
    #expect(sent.requestURIBytes.text == "sip:bob@10.0.0.2")
    #expect(sent.texts(.route) == ["<sip:next;lr>"])
    let plan = try plan("sip:token@192.0.2.1;lr", "Route: <sip:bob@10.0.0.2>\n")
    #expect(plan.ownUsers == [Array("token".utf8)])
  }

  @Test("a strict router behind us") func strictBehind() throws {
    let sent = try sent("sip:bob@10.0.0.2", "Route: <sip:t@192.0.2.1;lr>, <sip:strict>, <sip:more;lr>\n")
    #expect(sent.requestURIBytes.text == "sip:strict")
    #expect(sent.texts(.route) == ["<sip:more;lr>", "<sip:bob@10.0.0.2>"])
  }

  @Test("a Route that cannot be read is an error") func broken() {
    #expect(throws: SIPParseError.self) { try plan("sip:bob@10.0.0.2", "Route: <sip:\n") }
  }
}
