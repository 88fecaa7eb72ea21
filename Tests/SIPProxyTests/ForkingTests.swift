import SIPMessage
import SIPProxy
import Testing

@Suite("Forking and the best response") struct ForkingTests {
  @Test("equal q at the same time, lower q after it") func order() throws {
    let bench = ProxyBench()
    try bench.call(
      ProxyBench.request(),
      to: [
        ProxyBench.target("low", q: 300), ProxyBench.target("a", q: 900), ProxyBench.target("b", q: 900),
      ]
    )
    try bench.reply("a", 404)
    #expect(
      bench.transcript() == """
        0 caller: 100 Trying
        0 a: INVITE sip:bob@a.invalid
        0 b: INVITE sip:bob@b.invalid
        0 a: ACK sip:bob@a.invalid
        """
    )
    try bench.reply("b", 486)
    try bench.reply("low", 180)
    try bench.reply("low", 480)
    #expect(
      bench.transcript() == """
        0 b: ACK sip:bob@b.invalid
        0 low: INVITE sip:bob@low.invalid
        0 caller: 180 Ringing
        0 low: ACK sip:bob@low.invalid
        0 caller: 404 Not Found
        """
    )
  }

  @Test("who answers first has the call, the others are cancelled") func firstAnswer() throws {
    let bench = ProxyBench()
    try bench.call(
      ProxyBench.request(),
      to: [ProxyBench.target("a"), ProxyBench.target("b"), ProxyBench.target("low", q: 1)]
    )
    try bench.reply("a", 180)
    try bench.reply("b", 180)
    _ = bench.transcript()
    try bench.reply("a", 200)
    #expect(
      bench.transcript() == """
        0 caller: 200 OK
        0 b: CANCEL sip:bob@b.invalid
        """
    )
    // b had picked up meanwhile: its dialog exists too, and the caller must learn of it.
    try bench.reply("b", 200)
    #expect(bench.transcript() == "0 caller: 200 OK")
    try bench.reply("b", 183)
    #expect(bench.transcript() == "")
  }

  @Test("a 2xx and its repeats after the CANCEL go upstream, after the end they do not") func lateAnswer()
    throws
  {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("a"), ProxyBench.target("b")])
    try bench.reply("a", 603)
    bench.wait(until: 32_000)
    #expect(bench.transcript().contains("32000 caller: 603 Decline"))
    bench.call(try ProxyBench.request("ACK", toTag: ";tag=to-a"))
    try bench.reply("b", 200)
    #expect(bench.transcript() == "")
    let other = ProxyBench()
    try other.call(ProxyBench.request(), to: [ProxyBench.target("a")])
    try other.reply("a", 180)
    other.call(try ProxyBench.request("CANCEL"))
    _ = other.transcript()
    try other.reply("a", 200)
    try other.reply("a", 200)
    #expect(other.transcript() == "0 caller: 200 OK\n0 caller: 200 OK")
  }

  @Test("6xx ends all of it") func global() throws {
    let bench = ProxyBench()
    try bench.call(
      ProxyBench.request(),
      to: [ProxyBench.target("a"), ProxyBench.target("b"), ProxyBench.target("low", q: 1)]
    )
    try bench.reply("b", 180)
    try bench.reply("a", 603)
    try bench.reply("b", 487)
    #expect(
      bench.transcript() == """
        0 caller: 100 Trying
        0 a: INVITE sip:bob@a.invalid
        0 b: INVITE sip:bob@b.invalid
        0 caller: 180 Ringing
        0 a: ACK sip:bob@a.invalid
        0 b: CANCEL sip:bob@b.invalid
        0 b: ACK sip:bob@b.invalid
        0 caller: 603 Decline
        """
    )
  }

  /// What two callees say, and what the caller hears.
  @Test(
    "the best response",
    arguments: [
      ([486, 302], 302), ([500, 486], 486), ([486, 401], 401), ([480, 407], 407), ([404, 415], 415),
      ([404, 420], 420), ([404, 484], 484), ([487, 486], 486), ([408, 404], 404), ([503, 500], 500),
      ([503, 501], 501), ([603, 302], 603), ([503, 503], 500), ([430, 430], 480), ([404, 486], 404),
    ]
  )
  func best(_ statuses: [Int], _ expected: Int) throws {
    for order in [statuses, statuses.reversed()] where order != [486, 404] {
      let bench = ProxyBench()
      try bench.call(ProxyBench.request(), to: [ProxyBench.target("a"), ProxyBench.target("b")])
      for (name, status) in zip(["a", "b"], order) { try bench.reply(name, status) }
      #expect(bench.answer?.status == expected, "\(order)")
    }
  }

  @Test("challenges of all are put together") func challenges() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: ["a", "b", "c"].map { ProxyBench.target($0) })
    var first = SIPHeaderBlock()
    try first.add(.wwwAuthenticate, "Digest realm=\"a\", nonce=\"1\"")
    var second = SIPHeaderBlock()
    try second.add(.proxyAuthenticate, "Digest realm=\"b\", nonce=\"2\"")
    let other = ProxyBench()
    try other.call(ProxyBench.request(), to: ["a", "b"].map { ProxyBench.target($0) })
    try bench.reply("b", 407, headers: second)
    try bench.reply("c", 404)
    try bench.reply("a", 401, headers: first)
    try other.reply("a", 401, headers: first)
    try other.reply("b", 407, headers: second)
    #expect(bench.answer?.status == 407)
    #expect(other.answer?.status == 401)
    for answer in [bench.answer, other.answer] {
      #expect(answer?.headers(.wwwAuthenticate).map(\.text) == ["Digest realm=\"a\", nonce=\"1\""])
      #expect(answer?.headers(.proxyAuthenticate).map(\.text) == ["Digest realm=\"b\", nonce=\"2\""])
    }
  }

  @Test("what cannot be sent counts as 503, and to the caller as 500") func transportError() throws {
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: [ProxyBench.target("a"), ProxyBench.target("low", q: 1)])
    bench.fail("a", .transport)
    bench.fail("a", .transport)
    #expect(bench.transcript().hasSuffix("0 low: INVITE sip:bob@low.invalid"))
    bench.fail("low", .transport)
    #expect(bench.transcript() == "0 caller: 500 Server Internal Error")
  }

  @Test("the flows of a device are tried one at a time") func flows() throws {
    let targets = [
      ProxyBench.target("new", q: 500, device: "d"), ProxyBench.target("other", q: 500),
      ProxyBench.target("old", q: 500, device: "d"), ProxyBench.target("oldest", q: 100, device: "d"),
    ]
    let bench = ProxyBench()
    try bench.call(ProxyBench.request(), to: targets)
    #expect(
      bench.transcript() == """
        0 caller: 100 Trying
        0 new: INVITE sip:bob@new.invalid
        0 other: INVITE sip:bob@other.invalid
        """
    )
    bench.fail("new", .flow)
    #expect(bench.transcript() == "0 old: INVITE sip:bob@old.invalid")
    try bench.reply("old", 430)
    #expect(bench.transcript().hasSuffix("0 oldest: INVITE sip:bob@oldest.invalid"))
    // The device has answered: no other flow of it is tried.
    let second = ProxyBench()
    try second.call(ProxyBench.request(), to: targets)
    _ = second.transcript()
    try second.reply("new", 486)
    try second.reply("other", 480)
    #expect(
      second.transcript() == """
        0 new: ACK sip:bob@new.invalid
        0 other: ACK sip:bob@other.invalid
        0 caller: 486 Busy Here
        """
    )
  }

  @Test("no more targets at a time than the limit, then the others; and none is 480") func bounds() throws {
    let bench = ProxyBench(mostTargets: 2)
    try bench.call(ProxyBench.request(), to: ["a", "b", "c"].map { ProxyBench.target($0) })
    #expect(bench.sent.keys.sorted() == ["a INVITE", "b INVITE"])
    try bench.reply("a", 404)
    #expect(bench.sent["c INVITE"] == nil)
    try bench.reply("b", 404)
    #expect(bench.sent["c INVITE"] != nil)
    let empty = ProxyBench()
    try empty.call(ProxyBench.request(), to: [])
    #expect(empty.transcript() == "0 caller: 100 Trying\n0 caller: 480 Temporarily Unavailable")
  }
}
