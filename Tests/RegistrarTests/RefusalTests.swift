import Registrar
import SIPMessage
import Testing

@Suite struct RefusalTests {
  @Test(arguments: [
    ("<sip:alice@example.com>", "sip:example.com", 200),
    ("<sip:alice@EXAMPLE.com:5070;x>", "sip:Example.COM", 200),
    ("<sips:%61lice@example.com>", "sips:example.com", 200),
    ("<sip:alice@example.com>", "sip:192.0.2.1", 200),
    ("<sip:alice@other.org>", "sip:example.com", 404), ("<sip:alice@example.com>", "sip:other.org", 404),
    ("<sip:alice@192.0.2.1>", "sip:192.0.2.1", 404), ("<isbn:2983792873>", "sip:example.com", 400),
    ("<tel:+1>", "sip:example.com", 400), ("<sip:alice@>", "sip:example.com", 400),
    ("<sip:alice@example.com", "sip:example.com", 400), ("<sip:alice@example.com>", "tel:+1", 416),
    ("<sip:example.com>", "sip:example.com", 200),
  ])
  func servesItsDomains(_ to: String, _ uri: String, _ status: Int) throws {
    var pool = Pool()
    let request = try Pool.request("Contact: <sip:a@b>", to: to, uri: uri)
    #expect(try pool.send(request).status == status)
    if case .user(let user) = pool.registrar.target(of: request), to.contains("lice") {
      #expect(user == "sip:alice@example.com")
    }
  }

  @Test func limitsTheAddress() throws {
    var pool = Pool()
    let long = String(repeating: "a", count: 600)
    #expect(try pool.send(Pool.request("", to: "<sip:\(long)@example.com>")).status == 404)
  }

  @Test func refusesUnknownExtensions() throws {
    var pool = Pool()
    let reply = try pool.register("Require: path, bad-one\nRequire: worse\nContact: <sip:a@b>")
    #expect(reply.status == 420)
    #expect(reply.header(.unsupported)?.text == "bad-one, worse")
    #expect(pool.record == nil)
    #expect(try pool.register("Require: Path\nContact: <sip:a@b>", cseq: 2).status == 200)
    #expect(try pool.register("Require: gruu\nContact: <sip:a@b>", cseq: 3).status == 420)
  }

  @Test func letsNobodyRegisterForAnother() throws {
    var pool = Pool()
    pool.authenticated = "sip:bob@example.com"
    #expect(try pool.register("Contact: <sip:a@b>").status == 403)
    #expect(try pool.register("").status == 403)
    pool.authenticated = "sip:alice@example.com"
    #expect(try pool.register("Contact: <sip:a@b>").status == 200)
    let request = try Pool.request("Contact: <sip:a@b>")
    let decision = pool.registrar.decide(request, record: nil, source: pool.source, userExists: false, at: 0)
    #expect(decision.reply.status == 404)
  }

  @Test(arguments: [
    "<sip:user@example.com?Route=%3Csip:x%3E", "sip:user@example.com?Route=%3Csip:x%3E", "<sip:a@b>;;",
    "\"x <sip:a@b>",
    "<sip:a@b>;q=7", "<sip:a@>", "<>", "<sip:a@b>, ", "<sip:ok@b>, <sip:a@[::1>",
  ])
  func refusesBadContacts(_ contact: String) throws {
    var pool = Pool()
    #expect(try pool.register("Contact: \(contact)").status == 400)
    #expect(pool.record == nil)
  }

  @Test(arguments: [
    "<sip:user@example.com?Route=%3Csip:x%3E>", "<name:John_Smith>", "<tel:+1>", "<mailto:a@b>",
    "sip:a@b;unknownparam",
    "<sip:%00@host5.example.com>, <sip:%00%00@host5.example.com>",
    "\"J\" <sip:a@[::ffff:192.0.2.10]:19823>;a=b",
  ])
  func takesOddContacts(_ contact: String) throws {
    var pool = Pool()
    let reply = try pool.register("Contact: \(contact)")
    #expect(reply.status == 200)
    #expect(reply.contactLines.count == (contact.contains(">, <") ? 2 : 1))
  }

  @Test func ignoresRecordRoute() throws {
    var pool = Pool()
    let reply = try pool.register("Record-Route: <sip:proxy;lr>\nContact: <sip:a@b>")
    #expect(reply.status == 200)
    #expect(!reply.contains(.recordRoute))
  }

  // MARK: - Outbound, RFC 5626

  private static let instance = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\""

  @Test func knowsAFlowByInstanceAndRegID() throws {
    var pool = Pool()
    let supported = "\nSupported: path, outbound"
    var reply = try pool.register("Contact: <sip:a@1>;reg-id=1;\(Self.instance)\(supported)")
    #expect(reply.status == 200)
    #expect(reply.header(.require)?.text == "outbound")
    _ = try pool.register("Contact: <sip:a@2>;reg-id=2;\(Self.instance)\(supported)", callID: "y")
    #expect(try pool.query().count == 2)
    // A new address of the same flow replaces it, with another Call-ID too.
    reply = try pool.register("Contact: <sip:a@3>;reg-id=1;\(Self.instance)\(supported)", callID: "z")
    #expect(reply.contactLines.count == 2)
    #expect(reply.contactLines.first?.hasPrefix("<sip:a@3>;reg-id=1;+sip.instance=") == true)
    // And the same address with another reg-id does not.
    _ = try pool.register("Contact: <sip:a@3>;reg-id=3;\(Self.instance)\(supported)", callID: "w")
    #expect(try pool.query().count == 3)
    reply = try pool.register(
      "Contact: <sip:x@y>;expires=0;reg-id=3;\(Self.instance)\(supported)",
      callID: "v"
    )
    #expect(reply.contactLines.count == 2)
  }

  @Test func asksTheFirstHopForOutbound() throws {
    var pool = Pool()
    pool.source.isFirstHop = false
    let contact = "Contact: <sip:a@1>;reg-id=1;\(Self.instance)\nSupported: outbound"
    #expect(try pool.register(contact).status == 439)
    #expect(try pool.register(contact + "\nPath: <sip:p1;lr;ob>, <sip:p2;lr>").status == 439)
    #expect(try pool.register(contact + "\nPath: <sip:p1;lr>, <sip:p2;lr;ob>", cseq: 2).status == 200)
    // Without the option tag reg-id means nothing and the URI counts.
    var plain = Pool()
    plain.source.isFirstHop = false
    let reply = try plain.register("Contact: <sip:a@1>;reg-id=1;\(Self.instance)")
    #expect(reply.status == 200)
    #expect(!reply.contains(.require))
    #expect(plain.record?.bindings.first?.isOutbound == false)
  }
}
