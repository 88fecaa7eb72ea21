import RegEvent
import Registrar
import SIPMessage
import SIPTransaction
import Testing

@Suite("Subscriptions to registrations") struct NotifierTests {
  private typealias Bench = NotifierBench

  /// A bench with one subscription that has its first state.
  private func subscribed(_ bindings: [Binding] = [NotifierBench.binding("desk")]) throws -> NotifierBench {
    let bench = NotifierBench()
    bench.record = RegistrationRecord(bindings: bindings)
    bench.subscribe(try Bench.subscribe())
    try bench.reply()
    _ = bench.transcript()
    return bench
  }

  @Test("subscribe, change, renew, unsubscribe") func life() throws {
    let bench = NotifierBench()
    bench.record = RegistrationRecord(bindings: [Bench.binding("desk")])
    bench.subscribe(try Bench.subscribe())
    #expect(bench.answer?.header(.expires)?.text == "600")
    #expect(bench.answer?.headers(.recordRoute).map(\.text) == ["<sip:edge;lr>"])
    let tag = try #require(try bench.answer?.to.tag).text
    try bench.reply()
    bench.now += 10_000
    bench.change([Bench.binding("desk"), Bench.binding("mobile", at: bench.now)])
    try bench.reply()
    bench.now += 10_000
    bench.subscribe(try Bench.subscribe(cseq: 2, toTag: ";tag=\(tag)"))
    try bench.reply()
    bench.now += 10_000
    bench.change([Bench.binding("mobile", at: bench.now, cseq: 2)])
    try bench.reply()
    bench.subscribe(try Bench.subscribe(headers: "Expires: 0\n", cseq: 3, toTag: ";tag=\(tag)"))
    bench.subscribe(try Bench.subscribe(headers: "Expires: 0\n", cseq: 3, toTag: ";tag=\(tag)"))
    try bench.reply()
    bench.subscribe(try Bench.subscribe(cseq: 4, toTag: ";tag=\(tag)"))
    #expect(
      bench.transcript() == """
        0 phone: 200
        0 phone: NOTIFY active;expires=600 | 0 full | desk registered
        10000 phone: NOTIFY active;expires=590 | 1 partial | mobile registered
        20000 phone: 200
        20000 phone: NOTIFY active;expires=600 | 2 full | mobile registered | desk registered
        30000 phone: NOTIFY active;expires=590 | 3 partial | desk unregistered | mobile refreshed
        30000 phone: 200
        30000 phone: NOTIFY terminated;reason=timeout | 4 full | mobile registered
        30000 phone: 200
        30000 phone: 481
        """
    )
    #expect(bench.notifier.count == 0)
    #expect(!bench.notifier.isWatched(Bench.user))
  }

  @Test("what a NOTIFY has") func request() throws {
    let bench = NotifierBench()
    bench.subscribe(try Bench.subscribe(event: "reg;id=9"))
    let notify = try #require(bench.sent["phone"]?.message)
    #expect(notify.requestURIBytes.text == "sip:bob@phone.invalid")
    #expect(notify.header(.event)?.text == "reg;id=9")
    #expect(notify.header(.to)?.text == "\"B\" <sip:bob@example.com>;tag=phone")
    #expect(try notify.from.tag == bench.answer?.to.tag)
    #expect(notify.headers(.route).map(\.text) == ["<sip:edge;lr>"])
    #expect(notify.header(.contact)?.text == "<sip:bob@192.0.2.1:5060>")
    #expect(notify.header(.contentType)?.text == "application/reginfo+xml")
    #expect(try notify.cseqMatchesMethod)
    #expect(try notify.topVia.hasMagicCookie)
    // Nobody is registered.
    #expect(notify.body.text.contains("state=\"init\""))
    #expect(bench.notifier.addressOfRecord(of: try Bench.subscribe()) == nil)
    let tag = try #require(try bench.answer?.to.tag).text
    #expect(bench.notifier.addressOfRecord(of: try Bench.subscribe(toTag: ";tag=\(tag)")) == Bench.user)
  }

  @Test(
    "what is refused",
    arguments: [
      ("presence", "", 489), ("", "", 489), ("reg", "Accept: application/pidf+xml\n", 406),
      ("reg", "Expires: 59\n", 423), ("reg;id=a,b", "", 400),
      ("reg", "Accept: text/plain, application/REGINFO+xml;q=0.5\n", 200), ("reg", "Accept: */*\n", 200),
      ("REG", "", 200), ("reg", "Expires: 99999999999999999999\n", 200),
    ]
  )
  func refused(_ event: String, _ headers: String, _ status: Int) throws {
    let bench = NotifierBench()
    bench.subscribe(try Bench.subscribe(event: event, headers: headers))
    #expect(bench.answer?.status == status)
    #expect(bench.notifier.count == (status == 200 ? 1 : 0))
    switch status {
    case 489: #expect(bench.answer?.header(.allowEvents)?.text == "reg")
    case 406: #expect(bench.answer?.header(.accept)?.text == "application/reginfo+xml")
    case 423: #expect(bench.answer?.header(.minExpires)?.text == "60")
    case 200:
      let expected = headers.contains("999") ? "86400" : "3761"
      #expect(bench.answer?.header(.expires)?.text == expected)
    default: break
    }
  }

  @Test("no Contact, or more than one, is 400", arguments: ["*", "<sip:a>, <sip:b>", "<tel:1>"])
  func contacts(_ contact: String) throws {
    let bench = NotifierBench()
    bench.subscribe(try Bench.subscribe(contact: contact))
    #expect(bench.answer?.status == 400)
  }

  @Test("a repeat is answered alike and has no effect") func repeated() throws {
    let bench = NotifierBench()
    let subscribe = try Bench.subscribe()
    bench.subscribe(subscribe)
    let first = bench.answer?.bytes
    bench.subscribe(subscribe)
    #expect(bench.answer?.bytes == first)
    #expect(bench.notifier.count == 1)
    #expect(bench.transcript().components(after: "NOTIFY").count == 1)
  }

  @Test("an older CSeq is out of order, an unknown dialog is 481") func order() throws {
    let bench = try subscribed()
    let tag = try #require(try bench.answer?.to.tag).text
    bench.subscribe(try Bench.subscribe(cseq: 5, toTag: ";tag=\(tag)"))
    bench.subscribe(try Bench.subscribe(cseq: 4, toTag: ";tag=\(tag)"))
    #expect(bench.answer?.status == 500)
    bench.subscribe(try Bench.subscribe(cseq: 6, toTag: ";tag=other"))
    #expect(bench.answer?.status == 481)
  }

  @Test("asking once") func fetch() throws {
    let bench = NotifierBench()
    bench.record = RegistrationRecord(bindings: [Bench.binding("desk")])
    bench.subscribe(try Bench.subscribe(headers: "Expires: 0\n"))
    try bench.reply()
    #expect(
      bench.transcript() == """
        0 phone: 200
        0 phone: NOTIFY terminated;reason=timeout | 0 full | desk registered
        """
    )
    #expect(bench.notifier.count == 0)
  }

  @Test("a subscription that is not renewed ends, a contact too") func expiry() throws {
    let bench = try subscribed([
      Bench.binding("desk", expiresIn: 100), Bench.binding("mobile", expiresIn: 9_000),
    ])
    bench.wait(until: bench.now + 100_000)
    try bench.reply()
    bench.wait(until: 1_000_000 + 600_000)
    try bench.reply()
    #expect(
      bench.transcript() == """
        100000 phone: NOTIFY active;expires=500 | 1 partial | desk expired
        600000 phone: NOTIFY terminated;reason=timeout
        """
    )
    #expect(bench.notifier.count == 0)
    bench.wait(until: 100_000_000)
    #expect(bench.notifier.nextDeadline == nil)
  }

  @Test("a NOTIFY is sent again, and then its subscription ends") func silent() throws {
    let bench = try subscribed()
    bench.now += 10_000
    bench.change([])
    #expect(bench.transcript() == "10000 phone: NOTIFY active;expires=590 | 1 partial | desk unregistered")
    #expect(bench.sent["phone"]?.message.body.text.contains("state=\"terminated\">") == true)
    bench.wait(until: bench.now + 1_600)
    #expect(
      bench.transcript() == """
        10500 phone: NOTIFY active;expires=590 | 1 partial | desk unregistered
        11500 phone: NOTIFY active;expires=590 | 1 partial | desk unregistered
        """
    )
    bench.wait(until: 1_000_000 + 41_999)
    #expect(bench.notifier.count == 1)
    bench.wait(until: 1_000_000 + 42_000)
    #expect(bench.notifier.count == 0)
    try bench.reply()
    #expect(bench.transcript().hasSuffix("42000 not ours"))
  }

  @Test("answers to NOTIFY that end the subscription, and that do not", arguments: [481, 404, 489, 500, 401])
  func failures(_ status: Int) throws {
    let bench = try subscribed()
    bench.now += 10_000
    bench.change([Bench.binding("mobile")])
    try bench.reply("phone", status)
    if status == 500 || status == 401 {
      #expect(bench.notifier.count == 1)
      _ = bench.transcript()
      bench.wait(until: bench.now + 5_000)
      // It may have lost something, so it gets everything.
      #expect(bench.transcript() == "15000 phone: NOTIFY active;expires=585 | 2 full | mobile registered")
    } else {
      #expect(bench.notifier.count == 0)
    }
  }

  @Test("a NOTIFY that cannot be sent ends the subscription") func sendFailed() throws {
    let bench = try subscribed()
    bench.now += 10_000
    bench.change([])
    let old = try #require(bench.sent["phone"]?.name)
    bench.perform(bench.notifier.sendFailed(old, at: bench.now))
    #expect(bench.notifier.count == 0)
    bench.perform(bench.notifier.sendFailed(old, at: bench.now))
  }

  @Test("one NOTIFY at a time, not more than one in five seconds") func pace() throws {
    let bench = try subscribed()
    bench.now += 1_000
    bench.change([Bench.binding("desk", cseq: 2)])
    bench.change([Bench.binding("desk", cseq: 3), Bench.binding("mobile")])
    #expect(bench.transcript() == "")
    bench.wait(until: 1_005_000)
    #expect(
      bench.transcript()
        == "5000 phone: NOTIFY active;expires=595 | 1 partial | desk refreshed | mobile registered"
    )
    bench.now += 6_000
    bench.change([Bench.binding("desk", cseq: 3)])
    #expect(bench.transcript() == "")
    try bench.reply()
    #expect(bench.transcript() == "11000 phone: NOTIFY active;expires=589 | 2 partial | mobile unregistered")
  }

  @Test("bounds") func bounds() throws {
    let bench = NotifierBench(mostSubscriptions: 2, mostPerUser: 1)
    bench.subscribe(try Bench.subscribe())
    bench.subscribe(try Bench.subscribe(callID: "s2"))
    #expect(bench.answer?.status == 403)
    for user in ["a", "b"] {
      bench.perform(
        bench.notifier.subscribed(
          try Bench.subscribe(callID: user),
          to: user,
          record: nil,
          from: bench.source("x"),
          at: bench.now
        )
      )
    }
    #expect(bench.answer?.status == 503)
    #expect(bench.answer?.header(.retryAfter) != nil)
    #expect(bench.notifier.count == 2)
  }
}

@Suite("Clients that are moved") struct MovingTests {
  private typealias Bench = NotifierBench

  @Test("only the client of the contact is told, and only of that contact") func moved() throws {
    let bench = NotifierBench()
    let desk = Bench.binding("desk", flow: "fe1/7")
    let mobile = Bench.binding("mobile", parameters: ";+sip.instance=\"<urn:m>\";reg-id=1", flow: "fe2/1")
    bench.record = RegistrationRecord(bindings: [desk, mobile])
    bench.subscribe(try Bench.subscribe("x", callID: "1"), from: "desk", flow: "fe1/7")
    bench.subscribe(
      try Bench.subscribe("y", callID: "2", contact: "<sip:bob@y.invalid>;+sip.instance=\"<urn:m>\""),
      from: "mobile"
    )
    bench.subscribe(try Bench.subscribe("pc", callID: "3"), from: "pc")
    for name in ["desk", "mobile", "pc"] { try bench.reply(name) }
    _ = bench.transcript()
    bench.perform(bench.notifier.deactivate(desk, of: Bench.user, at: bench.now))
    #expect(bench.transcript() == "0 desk: NOTIFY active;expires=600 | 1 partial | desk deactivated")
    let body = try #require(bench.sent["desk"]?.message.body.text)
    #expect(body.contains("state=\"terminated\" event=\"deactivated\""))
    // The registration goes on: the binding is still stored and routable.
    #expect(body.contains("<registration aor=\"sip:bob@example.com\""))
    #expect(body.components(after: "state=\"active\">").count == 1)
    bench.perform(bench.notifier.deactivate(mobile, of: Bench.user, at: bench.now))
    #expect(bench.transcript() == "0 mobile: NOTIFY active;expires=600 | 1 partial | mobile deactivated")
    bench.perform(bench.notifier.deactivate(Bench.binding("tablet"), of: Bench.user, at: bench.now))
    #expect(bench.transcript() == "")
    // It registers through another server: all are told in the usual way.
    for name in ["desk", "mobile"] { try bench.reply(name) }
    bench.now += 10_000
    bench.change([Bench.binding("desk", at: bench.now, cseq: 2, flow: "fe2/9"), mobile])
    #expect(bench.transcript().components(after: "desk refreshed").count == 3)
  }

  @Test("what was to be told is not lost when all is told instead") func movedWhileBusy() throws {
    let bench = NotifierBench()
    let desk = Bench.binding("desk", flow: "fe1/7")
    bench.record = RegistrationRecord(bindings: [desk])
    bench.subscribe(try Bench.subscribe(), flow: "fe1/7")
    let tag = try #require(try bench.answer?.to.tag).text
    bench.perform(bench.notifier.deactivate(desk, of: Bench.user, at: bench.now))
    bench.subscribe(try Bench.subscribe(cseq: 2, toTag: ";tag=\(tag)"), flow: "fe1/7")
    _ = bench.transcript()
    try bench.reply()
    #expect(bench.transcript() == "0 phone: NOTIFY active;expires=600 | 1 full | desk deactivated")
  }

  @Test("the subscriber whose Contact is the binding's is its client") func byContact() throws {
    let bench = NotifierBench()
    let desk = Bench.binding("desk")
    bench.record = RegistrationRecord(bindings: [desk])
    bench.subscribe(try Bench.subscribe("desk", contact: "<sip:bob@DESK.invalid>"))
    try bench.reply()
    _ = bench.transcript()
    bench.perform(bench.notifier.deactivate(desk, of: Bench.user, at: bench.now))
    #expect(bench.transcript() == "0 phone: NOTIFY active;expires=600 | 1 partial | desk deactivated")
  }

  @Test("a server that goes out sends its subscribers away, some at a time") func leaving() throws {
    let bench = NotifierBench()
    for index in 1...3 {
      bench.subscribe(try Bench.subscribe("p\(index)", callID: "\(index)"), from: "p\(index)")
      try bench.reply("p\(index)")
    }
    _ = bench.transcript()
    bench.perform(bench.notifier.finish(most: 2, at: bench.now))
    #expect(
      bench.transcript() == """
        0 p1: NOTIFY terminated;reason=deactivated
        0 p2: NOTIFY terminated;reason=deactivated
        """
    )
    for name in ["p1", "p2"] { try bench.reply(name) }
    bench.perform(bench.notifier.finish(most: 2, at: bench.now))
    #expect(bench.transcript() == "0 p3: NOTIFY terminated;reason=deactivated")
    try bench.reply("p3")
    #expect(bench.notifier.count == 0)
  }
}

@Suite("Documents of registrations") struct DocumentTests {
  @Test("golden") func golden() {
    let document = ReginfoDocument(
      version: 3,
      scope: .full,
      addressOfRecord: "sip:bob@example.com",
      isRegistered: true,
      contacts: [
        ContactChange(NotifierBench.binding("desk", parameters: ";q=0.35"), .refreshed),
        ContactChange(
          NotifierBench.binding("m&<'\">", parameters: ";+sip.instance=\"<urn:m>\";reg-id=1"),
          .unregistered
        ),
      ]
    )
    let text = String(decoding: document.write(at: 1_000_500), as: UTF8.self)
    #expect(
      text == """
        <?xml version="1.0" encoding="UTF-8"?>
        <reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="3" state="full">
          <registration aor="sip:bob@example.com" id="e8bb7de0cae06672" state="active">
            <contact id="64f9d80247352e90" state="active" event="refreshed" expires="3600" q="0.35" callid="r-desk" cseq="1">
              <uri>sip:bob@desk.invalid</uri>
            </contact>
            <contact id="56bcb4fb1158afc2" state="terminated" event="unregistered" callid="r-m&amp;&lt;&apos;&quot;&gt;" cseq="1">
              <uri>sip:bob@m&amp;&lt;&apos;&quot;&gt;.invalid</uri>
              <unknown-param name="+sip.instance">&quot;&lt;urn:m&gt;&quot;</unknown-param>
              <unknown-param name="reg-id">1</unknown-param>
            </contact>
          </registration>
        </reginfo>

        """
    )
  }

  @Test("what XML cannot hold is replaced") func controls() {
    let hostile = Binding(
      contact: [0x73, 0x00, 0xFF, 0x09, 0x3C],
      callID: Array("a\"b]]>".utf8),
      cseq: 1,
      expiresAt: 2_000,
      updatedAt: 0
    )
    let document = ReginfoDocument(
      version: 0,
      scope: .partial,
      addressOfRecord: "sip:x",
      isRegistered: false,
      contacts: [ContactChange(hostile, .expired)]
    )
    let text = String(decoding: document.write(at: 0), as: UTF8.self)
    #expect(text.contains("<uri>s\u{FFFD}\u{FFFD}&#9;&lt;</uri>"))
    #expect(text.contains("callid=\"a&quot;b]]&gt;\""))
    #expect(text.contains("state=\"terminated\">"))
  }

  @Test("changes between records") func changes() {
    let a = NotifierBench.binding("a")
    let b = NotifierBench.binding("b", expiresIn: 10)
    let record = RegistrationRecord(bindings: [a, b])
    #expect(ContactChange.changes(from: [a, b], to: record, at: 1_000_000).isEmpty)
    #expect(
      ContactChange.changes(from: [], to: record, at: 1_000_000).map(\.event) == [.registered, .registered]
    )
    #expect(ContactChange.changes(from: [a, b], to: record, at: 1_010_000) == [ContactChange(b, .expired)])
    #expect(
      ContactChange.changes(from: [a, b], to: nil, at: 1_000_000).map(\.event) == [
        .unregistered, .unregistered,
      ]
    )
    let renewed = NotifierBench.binding("a", cseq: 2)
    let changes = ContactChange.changes(from: [a], to: RegistrationRecord(bindings: [renewed]), at: 1_000_000)
    #expect(changes == [ContactChange(renewed, .refreshed)])
    // Two flows of one device with the same URI are two contacts.
    let flows = [1, 2].map {
      NotifierBench.binding("m", parameters: ";+sip.instance=\"<urn:m>\";reg-id=\($0)")
    }
    let second = ContactChange.changes(
      from: [flows[0]],
      to: RegistrationRecord(bindings: flows),
      at: 1_000_000
    )
    #expect(second == [ContactChange(flows[1], .registered)])
  }
}
