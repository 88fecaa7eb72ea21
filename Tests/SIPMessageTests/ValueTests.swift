import SIPMessage
import Testing

@Suite struct ValueTests {
  private func request(_ headers: String) throws -> SIPMessage {
    try SIPMessage(parsing: wire("REGISTER sip:x SIP/2.0\n\(headers)\n\n"))
  }

  @Test(arguments: [
    ("CSeq: 0009\n  INVITE", UInt32?.some(9)), ("CSeq: 4294967295 X", 4_294_967_295),
    ("CSeq: 4294967296 X", nil),
    ("CSeq: 36893488147419103232 X", nil), ("CSeq: -1 X", nil), ("CSeq: 1", nil), ("CSeq: X", nil),
    ("CSeq: 1X", nil),
    ("CSeq: 1 X Y", nil), ("CSeq:", nil), ("CSeq: 1 X\nCSeq: 1 X", nil), ("A: b", nil),
  ])
  func readsCSeq(_ header: String, _ number: UInt32?) throws {
    #expect((try? request(header).cseq.number) == number)
  }

  @Test(arguments: [
    ("0", Int?.some(0)), ("255", 255), ("0068", 68), ("256", nil), ("300", nil), ("-1", nil), ("x", nil),
    ("99999999999999999999999999", nil),
  ])
  func readsMaxForwards(_ value: String, _ number: Int?) throws {
    let message = try request("Max-Forwards: \(value)")
    #expect((try? message.maxForwards).flatMap { $0 }.map(Int.init) == number)
    #expect(try request("A: b").maxForwards == nil)
  }

  @Test func clampsExpires() throws {
    #expect(try request("Expires: 10000000000000000000000000").expires == .max)
    #expect(try request("Expires: soon").expires == nil)
    #expect(try request("Expires: 0").expires == 0)
  }

  @Test(arguments: [
    ("<sip:a@b>;expires=7;q=0.33", UInt32?.some(7), Int?.some(330)), ("<sip:a@b>;expires=x", 3_600, nil),
    ("<sip:a@b>;expires=280297596632815", .max, nil), ("<sip:a@b>;expires", 3_600, nil),
    ("sip:a@b;q=1.000", nil, 1_000),
    ("sip:a@b ; q = 0.1239", nil, 123), ("<sip:a@b;expires=5>", nil, nil), ("sip:a@b;EXPIRES=5;Q=0", 5, 0),
  ])
  func readsContacts(_ value: String, _ expires: UInt32?, _ q: Int?) throws {
    guard case .contacts(let contacts) = try request("Contact: \(value)").contacts() else {
      Issue.record("no contact")
      return
    }
    #expect(contacts.first?.expires == expires)
    #expect(contacts.first?.q == q)
  }

  @Test(arguments: [
    "sip:user@example.com?Route=%3Csip:sip.example.com%3E", "<sip:a@b", "\"x <sip:a@b>", "< sip:a@b >", "<>",
    "<sip:>",
    "<sip:a@b>;;;", "<sip:a@b>;q=1.5", "<sip:a@b>;q=2", "<sip:a@b> trailing", "*, <sip:a@b>", "*,*", "",
    "<sip:a@b>,",
    "<sip:a@b>;=x", "<sip:a@b>;x=", "<sip:a@b:99999>", "<sip:a%4@b>", "<sip:a%zz@b>", "<sip:@b>",
    "<sip:a@b;>",
    "*;expires=0", "Bell, Alexander <sip:a@b>",
  ])
  func refusesContacts(_ value: String) throws {
    let message = try request("Contact: \(value)")
    #expect(throws: SIPParseError.self) { try message.contacts() }
  }

  @Test func knowsTheWildcard() throws {
    guard case .wildcard = try request("Contact: *").contacts() else {
      Issue.record("no wildcard")
      return
    }
    guard case .none = try request("A: b").contacts() else {
      Issue.record("contacts")
      return
    }
  }

  @Test func limitsContacts() throws {
    let message = try request("Contact: " + (0..<5).map { "<sip:\($0)@b>" }.joined(separator: ","))
    let error = #expect(throws: SIPParseError.self) { try message.contacts(most: 4) }
    #expect(error?.status == 513)
    _ = try message.contacts(most: 5)
  }

  @Test(arguments: [
    ("sip:a@b", "", "sip:a@b", String?.none), ("sip:a@b;tag=1", "", "sip:a@b", "1"),
    ("<sip:a@b;tag=0>;tag=1", "", "sip:a@b;tag=0", "1"), ("caller<sip:a@b>;tag=x", "caller", "sip:a@b", "x"),
    ("A B  <sip:a@b> ; tag = 1", "A B", "sip:a@b", "1"),
    ("\"\\\"q\\\" <x>\" <sip:a@b>", "\"q\" <x>", "sip:a@b", nil),
    ("\"\"<sip:a@b>;TAG=1", "", "sip:a@b", "1"), ("Привет <sip:a@b>", "Привет", "sip:a@b", nil),
    ("sip:a@b ;tag=\n 1", "", "sip:a@b", "1"), ("tel:+123;tag=9", "", "tel:+123", "9"),
  ])
  func readsAddresses(_ value: String, _ display: String, _ uri: String, _ tag: String?) throws {
    let address = try request("From: \(value)").from
    #expect(address.displayName.text == display)
    #expect(address.uriBytes.text == uri)
    #expect(address.tag?.text == tag)
  }

  @Test(arguments: [
    ("SIP/2.0/UDP h", "UDP", "h", UInt16?.none),
    ("SIP / 2.0 / TCP h : 5061 ;branch = z9hG4bKx", "TCP", "h", 5_061),
    ("SIP  /   2.0\n  /UDP\n    192.0.2.2;branch=390skdjuw", "UDP", "192.0.2.2", nil),
    ("SIP/2.0/TLS [2001:db8::9:1]:7;received=[2001:db8::1]", "TLS", "[2001:db8::9:1]", 7),
    ("SIP/2.0/UNKNOWN-x h", "UNKNOWN-x", "h", nil),
  ])
  func readsVia(_ value: String, _ transport: String, _ host: String, _ port: UInt16?) throws {
    let via = try request("Via: \(value)").topVia
    #expect(via.transport.text == transport)
    #expect(via.host.text == host)
    #expect(via.port == port)
  }

  @Test(arguments: [
    "", "SIP/2.0/UDP", "SIP/2.0 h", "SIP/2.0/UDP h;;", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h:65536",
    "SIP/2.0/UDPh",
    "SIP/2.0/UDP 192.0.2.15;;,;,,", "SIP/2.0/UDP [::1", "SIP/2.0/UDP [xyz]", "SIP/2.0/UDP 2001:db8::1",
  ])
  func refusesVia(_ value: String) throws {
    let message = try request("Via: \(value)")
    #expect(throws: SIPParseError.self) { try message.topVia }
  }

  @Test func readsViaParameters() throws {
    let text = "SIP/2.0/UDP h;received=[2001:db8::9:255];rport=4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bK"
    let via = try request("Via: \(text)").topVia
    #expect(via.received?.text == "2001:db8::9:255")
    #expect(via.rport == .value(4_000))
    #expect(via.ttl == 16)
    #expect(via.maddr?.text == "224.2.0.1")
    // The cookie alone identifies nothing (RFC 4475 section 3.2.1).
    #expect(!via.hasMagicCookie)
    let other = try request("Via: SIP/2.0/UDP h;received=2001:db8::9:255;rport=99999;ttl=256").topVia
    #expect(other.received?.text == "2001:db8::9:255")
    #expect(other.rport == .absent)
    #expect(other.ttl == nil)
  }

  @Test func hashesAsSipHashDoes() {
    // The vector of the SipHash paper: key 00...0f, input 00...0e.
    var hash = KeyedHash(key: .init(low: 0x0706_0504_0302_0100, high: 0x0f0e_0d0c_0b0a_0908))
    hash.combine(bytes: Array(UInt8(0)..<15)[...])
    let value = hash.finish()
    #expect(value == 0xa129_ca61_49be_45e5)
    #expect(KeyedHash.hex(value).text == "a129ca6149be45e5")
  }
}

@Suite struct KeyedHashTests {
  @Test func isTheSameHoweverItIsFed() {
    let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    let key = KeyedHash.Key(low: 3, high: 4)
    var single = KeyedHash(key: key)
    for byte in bytes { single.combine(byte) }
    let expected = single.finish()
    for cut in [0, 1, 7, 8, 9, 15, 63, 100] {
      var hash = KeyedHash(key: key)
      hash.combine(bytes: bytes[..<cut])
      hash.combine(bytes: bytes[cut...])
      let value = hash.finish()
      #expect(value == expected)
    }
    var ab = KeyedHash(key: key)
    ab.combine(field: [1, 2])
    ab.combine(field: [3])
    var other = KeyedHash(key: key)
    other.combine(field: [1])
    other.combine(field: [2, 3])
    let (left, right) = (ab.finish(), other.finish())
    #expect(left != right)
  }
}
