import SIPMessage
import Testing

@Suite struct SIPURITests {
  @Test func takesAURIApart() throws {
    let uri = try SIPURI(parsing: "SIPS:al%69ce:pw@[2001:DB8::10]:5071;transport=tcp;lr?subject=a%20b&x=")
    #expect(uri.scheme == .sips)
    #expect(uri.user?.text == "al%69ce")
    #expect(uri.password?.text == "pw")
    #expect(uri.host.text == "[2001:DB8::10]")
    #expect(uri.port == 5_071)
    #expect(uri.parameter("Transport")?.text == "tcp")
    #expect(uri.hasParameter("lr"))
    #expect(uri.parameter("lr") == nil)
    #expect(uri.parameters.text == ";transport=tcp;lr")
    #expect(uri.headers.text == "?subject=a%20b&x=")
    #expect(uri.addressOfRecord == "sip:alice@[2001:db8::10]")
  }

  @Test(arguments: [
    ("sip:alice@Example.COM", "sip:alice@example.com"),
    ("sip:%61lice:pw@example.com:5080;user=phone?a=b", "sip:alice@example.com"),
    ("sips:Alice@example.com", "sip:Alice@example.com"), ("sip:example.com", "sip:example.com"),
    ("sip:null-%00-null@example.com", "sip:null-%00-null@example.com"),
    ("sip:%ff%C3%bc@e", "sip:%FF%C3%BC@e"),
    ("sip:a%40b@e", "sip:a%40b@e"), ("sip:a%25b@e", "sip:a%25b@e"), ("sip:a/b@e", "sip:a%2Fb@e"),
    ("sip:user;par=u%40example.net@example.com", "sip:user;par=u%40example.net@example.com"),
    ("sip:sips%3Auser%40example.com@example.net", "sip:sips%3Auser%40example.com@example.net"),
    ("sip:%2B1-212@e;user=phone", "sip:+1-212@e"),
    // Found by fuzzing: what no user part has unescaped.
    ("sips:al%3e1c:pw@tls;ips:al%31c61", "sip:al%3E1c@tls"),
    ("sip:%3c%22%5b%5d%5c@e", "sip:%3C%22%5B%5D%5C@e"),
  ])
  func makesTheCanonicalAddress(_ text: String, _ canonical: String) throws {
    let uri = try SIPURI(parsing: text)
    #expect(uri.addressOfRecord == canonical)
    // It is its own canonical form.
    #expect(try SIPURI(parsing: canonical).addressOfRecord == canonical)
  }

  @Test func hasNoAddressOfRecordForOtherSchemes() throws {
    #expect(try SIPURI(parsing: "tel:+1").addressOfRecord == nil)
    #expect(try SIPURI(parsing: "isbn:2983792873").addressOfRecord == nil)
    #expect(try SIPURI(parsing: "soap.beep://192.0.2.103:3002").scheme == .other)
  }

  @Test(arguments: [
    "", "sip", "sip:", ":x", "1sip:x", "sip:@x", "sip:a@", "sip:a@b:", "sip:a@b:70000", "sip:a@b:x",
    "sip:a@b;", "sip:a@b;;x",
    "sip:a@b;=x", "sip:a@b;x=", "sip:a@b?", "sip:a@b?x", "sip:a@b?x=1&", "sip:a@b?=1", "sip:a b@c",
    "sip:a%@b", "sip:a%4@b",
    "sip:a%4g@b", "sip:a@b;x=%g", "sip:a@b@c", "sip:2001:db8::10", "sip:[2001:db8::10", "sip:[2001:db8]",
    "sip:[::1::2]",
    "sip:[1:2:3:4:5:6:7:8:9]", "sip:[12345::]", "sip:[::1.2.3.256]", "sip:[:1]", "sip:[1:]", "<sip:a@b>",
    "sip:a@b\u{7f}",
    "sip:a<b>@c", "sip:a@b/c", "tel:a b", "sip:[]", "sip:a@b;x=1=2", "sip:\u{0}@b",
  ])
  func refuses(_ text: String) {
    #expect(throws: SIPParseError.self) { try SIPURI(parsing: text) }
  }

  @Test(arguments: [
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
    "sip:a@b;unknownwith=value;unknown-no-value", "sip:%00@host5.example.com", "sip:[2001:db8:::192.0.2.1]",
    "sip:[::ffff:192.0.2.10]:19823", "sip:[2001:db8::10:5070]", "sip:[::]", "sip:[::1]",
    "sip:[1:2:3:4:5:6:7:8]",
    "sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31", "sip:a@b:00005060", "sip:*#06#@b",
    "sip:a@h_1",
    "sip:a@b;maddr=[::1]", "nobodyKnowsThisScheme:totallyopaquecontent",
    "sip:a@b?Route=%3Csip:example.com%3E",
  ])
  func takes(_ text: String) {
    #expect(throws: Never.self) { try SIPURI(parsing: text) }
  }

  @Test func limitsParameters() throws {
    let few = "sip:a@b" + String(repeating: ";x", count: SIPURI.mostParameters)
    #expect(try SIPURI(parsing: few).isEquivalent(to: SIPURI(parsing: few)))
    #expect(throws: SIPParseError.self) { try SIPURI(parsing: few + ";x") }
    let headers = "sip:a@b?x=1" + String(repeating: "&x=1", count: SIPURI.mostParameters)
    #expect(throws: SIPParseError.self) { try SIPURI(parsing: headers) }
  }

  /// RFC 3261 section 19.1.4, all of its examples, and RFC 4475 and RFC 5118 where they compare.
  @Test(arguments: [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
    (
      "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
      "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
    ),
    (
      "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
      "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
    ),
    ("sip:a@[2001:db8::10]", "sip:a@[2001:DB8:0:0::0010]"), ("sip:a@b;%6Cr", "sip:a@b;LR"),
    ("sip:a@b:5070", "sip:a@b:05070"), ("tel:+1", "TEL:+1"),
    ("sip:a@[2001:db8:::192.0.2.1]", "sip:a@[2001:db8::192.0.2.1]"),
  ])
  func findsEqual(_ left: String, _ right: String) throws {
    #expect(try SIPURI(parsing: left).isEquivalent(to: SIPURI(parsing: right)))
    #expect(try SIPURI(parsing: right).isEquivalent(to: SIPURI(parsing: left)))
  }

  @Test(arguments: [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"), ("sip:a@b", "sips:a@b"),
    ("sip:a@b", "sip:b"), ("sip:a:x@b", "sip:a:y@b"), ("sip:a:x@b", "sip:a@b"),
    ("sip:a@b", "sip:a@b;user=phone"),
    ("sip:a@b;ttl=1", "sip:a@b"), ("sip:a@b;method=INVITE", "sip:a@b"),
    ("sip:a@b;maddr=224.0.0.1", "sip:a@b"),
    ("sip:%00@host5.example.com", "sip:%00%00@host5.example.com"), ("sip:a%40b@c", "sip:a%2540b@c"),
    ("sip:a%3Bb@c", "sip:a;b@c"), ("sip:a@b?x=1", "sip:a@b?x=1&x=1"), ("sip:a@b?x=1", "sip:a@b?x=2"),
    ("sip:a@b;x=1", "sip:a@b;x"), ("tel:+1", "tel:+2"), ("sip:a@[::1]", "sip:a@[::2]"),
    ("sip:a@b;transport=tcp", "sip:a@b"),
  ])
  func findsDifferent(_ left: String, _ right: String) throws {
    #expect(try !SIPURI(parsing: left).isEquivalent(to: SIPURI(parsing: right)))
    #expect(try !SIPURI(parsing: right).isEquivalent(to: SIPURI(parsing: left)))
  }
}
