import SIPMessage
import SIPProxy
import SIPTransaction
import Testing

@Suite("INVITE through the proxy") struct InviteTests {
  @Test("a call is answered") func answered() throws {
    let bench = ProxyBench()
    let invite = try ProxyBench.request()
    try bench.call(invite, to: [ProxyBench.target("b")])
    try bench.reply("b", 100)
    try bench.reply("b", 180)
    bench.call(invite)
    bench.now = 3_000
    try bench.reply("b", 200)
    #expect(
      bench.transcript() == """
        0 caller: 100 Trying
        0 b: INVITE sip:bob@b.invalid
        0 caller: 180 Ringing
        0 caller: 180 Ringing
        3000 caller: 200 OK
        """
    )
    #expect(
      bench.answer?.texts(.via) == ["SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKcall;received=192.0.2.9;rport=5077"]
    )
    // Repeats of the 2xx go through, the repeated INVITE is taken in, and the ACK is the callee's.
    try bench.reply("b", 200)
    bench.call(invite)
    bench.call(try ProxyBench.request("ACK", toTag: ";tag=to-b"))
    #expect(bench.next == .acknowledge)
    bench.call(try ProxyBench.request("ACK", branch: "z9hG4bKack", toTag: ";tag=to-b"))
    #expect(bench.next == .acknowledge)
    #expect(bench.transcript() == "3000 caller: 200 OK")
    #expect(bench.table.count == 1)
    bench.wait(until: 34_999)
    #expect(bench.table.count == 1)
    bench.wait(until: 35_000)
    #expect(bench.table.count == 0)
    #expect(bench.transcript() == "")
    #expect(bench.table.nextDeadline == nil)
    // Later than that it is a stray.
    try bench.reply("b", 200)
    #expect(bench.transcript() == "35000 not ours")
  }

  @Test("what is sent to a callee") func forwarded() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("b", routes: ["<sip:edge.invalid;lr>"])])
    let sent = try #require(bench.sent["b INVITE"]?.message)
    #expect(sent.requestURIBytes.text == "sip:bob@b.invalid")
    #expect(try sent.maxForwards == 69)
    #expect(sent.texts(.recordRoute) == ["<sip:token@192.0.2.1:5060;lr>"])
    #expect(sent.texts(.route) == ["<sip:edge.invalid;lr>"])
    let vias = try sent.vias
    #expect(vias.count == 2)
    #expect(vias.first?.host.text == "192.0.2.1")
    #expect(vias.first?.hasMagicCookie == true)
    #expect(vias.first?.rport == .requested)
    #expect(vias.last?.received?.text == "192.0.2.9")
    #expect(vias.last?.rport == .value(5_077))
  }

  @Test("a refusal is acknowledged on both sides") func refused() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("b")])
    try bench.reply("b", 486)
    try bench.reply("b", 486)
    #expect(
      bench.transcript() == """
        0 caller: 100 Trying
        0 b: INVITE sip:bob@b.invalid
        0 b: ACK sip:bob@b.invalid
        0 caller: 486 Busy Here
        0 b: ACK sip:bob@b.invalid
        """
    )
    let ack = try #require(bench.sent["b ACK"]?.message)
    #expect(ack.texts(.to) == ["<sip:bob@example.com>;tag=to-b"])
    #expect(try ack.topVia.branch == bench.sent["b INVITE"]?.message.topVia.branch)
    // Timer G until the caller's ACK, which goes no further.
    bench.wait(until: 600)
    #expect(bench.transcript() == "500 caller: 486 Busy Here")
    bench.call(try ProxyBench.request("ACK", toTag: ";tag=to-b"))
    #expect(bench.next == .done)
    bench.wait(until: 100_000)
    #expect(bench.transcript() == "")
    #expect(bench.table.count == 0)
  }

  @Test("nobody answers") func silent() throws {
    let bench = ProxyBench(callerTransport: .reliable)
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("b")])
    bench.wait(until: 40_000)
    #expect(
      bench.transcript() == """
        0 caller: 100 Trying
        0 b: INVITE sip:bob@b.invalid
        500 b: INVITE sip:bob@b.invalid
        1500 b: INVITE sip:bob@b.invalid
        3500 b: INVITE sip:bob@b.invalid
        7500 b: INVITE sip:bob@b.invalid
        15500 b: INVITE sip:bob@b.invalid
        31500 b: INVITE sip:bob@b.invalid
        32000 caller: 408 Request Timeout
        """
    )
  }

  @Test("the caller gives up") func cancelled() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("b"), ProxyBench.target("c")])
    try bench.reply("b", 180)
    bench.call(try ProxyBench.request("CANCEL"))
    #expect(
      bench.transcript() == """
        0 caller: 100 Trying
        0 b: INVITE sip:bob@b.invalid
        0 c: INVITE sip:bob@c.invalid
        0 caller: 180 Ringing
        0 caller: 200 OK
        0 b: CANCEL sip:bob@b.invalid
        """
    )
    let cancel = try #require(bench.sent["b CANCEL"]?.message)
    #expect(try cancel.topVia.branch == bench.sent["b INVITE"]?.message.topVia.branch)
    #expect(try cancel.vias.count == 1)
    // c has not said anything yet: it gets its CANCEL when it does.
    try bench.reply("b", 200, method: "CANCEL")
    try bench.reply("b", 487)
    try bench.reply("c", 100)
    try bench.reply("c", 200, method: "CANCEL")
    try bench.reply("c", 487)
    #expect(
      bench.transcript() == """
        0 b: ACK sip:bob@b.invalid
        0 c: CANCEL sip:bob@c.invalid
        0 c: ACK sip:bob@c.invalid
        0 caller: 487 Request Terminated
        """
    )
    bench.call(try ProxyBench.request("CANCEL"))
    #expect(bench.transcript() == "0 caller: 200 OK")
    bench.call(try ProxyBench.request("CANCEL", branch: "z9hG4bKother"))
    #expect(bench.next == .unmatchedCancel)
    #expect(bench.transcript() == "")
  }

  @Test("the caller gives up before the targets are known") func cancelledEarly() throws {
    let bench = ProxyBench()
    let invite = try ProxyBench.request()
    bench.call(invite)
    guard case .route(let id) = bench.next else {
      Issue.record("not to be routed")
      return
    }
    bench.call(try ProxyBench.request("CANCEL"))
    let refusal = try #require(try bench.answer?.to.tag)
    bench.call(try ProxyBench.request("CANCEL"))
    // RFC 3261 section 9.2: both answers have one tag.
    #expect(try bench.answer?.to.tag == refusal)
    let plan = try RoutePlan(invite) { _ in false }
    bench.perform(bench.table.forward(id, plan, to: [ProxyBench.target("b")], at: 0))
    #expect(
      bench.transcript() == """
        0 caller: 100 Trying
        0 caller: 200 OK
        0 caller: 487 Request Terminated
        0 caller: 200 OK
        """
    )
  }

  @Test("a 2xx that crosses the CANCEL goes upstream") func crossing() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("b")])
    try bench.reply("b", 180)
    bench.call(try ProxyBench.request("CANCEL"))
    _ = bench.transcript()
    try bench.reply("b", 200)
    #expect(bench.transcript() == "0 caller: 200 OK")
  }

  @Test("a callee that ignores the CANCEL is forgotten") func ignoresCancel() throws {
    let bench = ProxyBench(callerTransport: .reliable)
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("b", transport: .reliable)])
    try bench.reply("b", 180)
    bench.call(try ProxyBench.request("CANCEL"))
    _ = bench.transcript()
    bench.wait(until: 31_999)
    #expect(bench.transcript() == "")
    bench.wait(until: 32_000)
    #expect(bench.transcript() == "32000 caller: 487 Request Terminated")
  }

  @Test("timer C ends what rings for ever, and ringing again puts it off") func timerC() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("b")])
    try bench.reply("b", 180)
    bench.wait(until: 100_000)
    try bench.reply("b", 183)
    try bench.reply("b", 100)
    _ = bench.transcript()
    bench.wait(until: 280_999)
    #expect(bench.transcript() == "")
    bench.wait(until: 281_000)
    #expect(bench.transcript() == "281000 b: CANCEL sip:bob@b.invalid")
    try bench.reply("b", 200, method: "CANCEL")
    try bench.reply("b", 487)
    #expect(bench.transcript().hasSuffix("281000 caller: 487 Request Terminated"))
  }

  @Test("timer C ends also what only said 100") func tryingForEver() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("b")])
    bench.now = 100
    try bench.reply("b", 100)
    _ = bench.transcript()
    bench.wait(until: 181_000)
    #expect(bench.transcript() == "181000 b: CANCEL sip:bob@b.invalid")
  }
}
