import Testing

/// A REGISTER as anybody may send it, and what has to come back.
struct Scenario: Sendable, CustomTestStringConvertible {
  var name: String
  /// Replaces the request line; without the version.
  var line = "REGISTER sip:example.com"
  var version = "SIP/2.0"
  /// Lines that take the place of those of the same name; an empty value takes the line out.
  var lines: [(String, String)] = []
  /// Further lines, as they are.
  var more: [String] = []
  var body = ""
  /// The status; `nil` when nothing may come back.
  var status: Int?
  /// Header fields that the answer must have, and what must be in them.
  var headers: [(String, String)] = []

  var testDescription: String { name }

  func text(_ number: Int, port: Int, transport: String) -> String {
    let method = line.prefix { $0 != " " }
    var fields: [(String, String)] = [
      ("Via", "SIP/2.0/\(transport) 127.0.0.1:\(port);branch=z9hG4bKbb\(TestUser.unique());rport"),
      ("Max-Forwards", "70"), ("From", "<sip:bb\(number)@example.com>;tag=t"),
      ("To", "<sip:bb\(number)@example.com>"),
      ("Call-ID", "bb-\(TestUser.unique())"), ("CSeq", "1 \(method)"),
      ("Contact", "<sip:bb@127.0.0.1:\(port)>"), ("Content-Length", "\(body.utf8.count)"),
    ]
    for (name, value) in lines {
      fields = fields.compactMap { $0.0 != name ? $0 : value.isEmpty ? nil : (name, value) }
    }
    let all = fields.map { "\($0.0): \($0.1)" } + more
    return "\(line) \(version)\r\n\(all.joined(separator: "\r\n"))\r\n\r\n\(body)"
  }
}

extension BlackBoxTests {
  static let scenarios: [Scenario] = registrations + expiries + refusals + methods

  static let registrations = [
    Scenario(name: "plain", status: 200, headers: [("Contact", "expires="), ("Date", "GMT")]),
    Scenario(name: "a query", lines: [("Contact", "")], status: 200),
    Scenario(
      name: "compact forms",
      lines: [("Via", ""), ("From", ""), ("To", ""), ("Call-ID", ""), ("Contact", "")],
      more: [
        "v: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bKcompact;rport", "f: <sip:c@example.com>;tag=1",
        "t: <sip:c@example.com>", "i: compact", "m: <sip:c@127.0.0.1:9>",
      ],
      status: 200,
      headers: [("Contact", "<sip:c@127.0.0.1:9>")]
    ),
    Scenario(
      name: "folded lines and odd white space",
      lines: [("CSeq", "1\r\n \t REGISTER"), ("Contact", "\r\n <sip:f@127.0.0.1:9>\r\n\t;q=0.5")],
      status: 200,
      headers: [("Contact", "q=0.5")]
    ),
    Scenario(
      name: "several contacts in one line and in two",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;q=0.1, \"B, b\" <sip:b@127.0.0.1:2>")],
      more: ["Contact: sip:c@127.0.0.1:3;expires=90"],
      status: 200,
      headers: [("Contact", "<sip:a@127.0.0.1:1>")]
    ),
    Scenario(
      name: "twenty contacts",
      lines: [("Contact", (1...20).map { "<sip:x@127.0.0.1:\($0)>" }.joined(separator: ", "))],
      status: 200
    ),
    Scenario(
      name: "q out of range",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;q=1.1")],
      status: 400
    ),
    Scenario(
      name: "an address-of-record with escapes and parameters",
      lines: [("To", "<sip:%62b%30esc@EXAMPLE.com;user=phone>")],
      status: 200
    ),
    Scenario(name: "hops used up at the registrar", lines: [("Max-Forwards", "0")], status: 200),
    Scenario(name: "no Max-Forwards, as in RFC 2543", lines: [("Max-Forwards", "")], status: 200),
    Scenario(name: "Record-Route", more: ["Record-Route: <sip:p.example.net;lr>"], status: 200),
    Scenario(name: "an unknown header field", more: ["X-Odd: ;;,,"], status: 200),
    Scenario(name: "Supported with nothing in it", more: ["Supported:"], status: 200),
    Scenario(
      name: "a body that may be ignored",
      more: ["Content-Type: text/plain", "Content-Disposition: render ; handling = optional"],
      body: "hello",
      status: 200
    ),
    Scenario(name: "a contact of another scheme", lines: [("Contact", "<tel:+15551234>")], status: 200),
    Scenario(name: "a contact without brackets", lines: [("Contact", "mailto:x@example.com")], status: 200),
    Scenario(
      name: "an IPv6 literal",
      lines: [("Contact", "<sip:a@[2001:db8::1]:5070;transport=tcp>;q=0.7")],
      status: 200,
      headers: [("Contact", "<sip:a@[2001:db8::1]:5070;transport=tcp>;q=0.7")]
    ),
    Scenario(
      name: "separators in quotes",
      lines: [("Contact", "\"a, b; <c> \\\" d\" <sip:a,b;c@127.0.0.1:1>;x=\"1,2;3\"")],
      status: 200,
      headers: [("Contact", "<sip:a,b;c@127.0.0.1:1>;x=\"1,2;3\";expires")]
    ),
    Scenario(
      name: "To in other letters, with a port and a display name",
      lines: [("To", "\"B, B\" <SIP:bb@EXAMPLE.COM:5080;x=y>")],
      status: 200
    ),
    Scenario(name: "To with sips", lines: [("To", "<sips:bb@example.com>")], status: 200),
    Scenario(name: "no tag in From, as in RFC 2543", lines: [("From", "<sip:bb@example.com>")], status: 200),
    Scenario(name: "a CSeq of 0", lines: [("CSeq", "0 REGISTER")], status: 200),
    Scenario(
      name: "a Via without a branch, as in RFC 2543",
      lines: [("Via", "SIP/2.0/UDP 127.0.0.1;rport")],
      status: 200,
      headers: [("Via", ";received=127.0.0.1;rport=")]
    ),
    Scenario(
      name: "two hops in one Via line",
      lines: [
        ("Via", "SIP/2.0/UDP a.invalid;branch=z9hG4bKa1;rport, SIP/2.0/UDP b.invalid;branch=z9hG4bKb1")
      ],
      status: 200,
      headers: [("Via", "SIP/2.0/UDP b.invalid;branch=z9hG4bKb1")]
    ),
    Scenario(
      name: "a Via that cannot be read",
      lines: [("Via", "SIP/2.0/UDP 192.0.2.15;;,;,,")],
      status: 400
    ),
    Scenario(name: "a Request-URI with the server's address", line: "REGISTER sip:SERVER", status: 200),
    Scenario(name: "sips", line: "REGISTER sips:example.com", status: 200),
  ]

  static let expiries = [
    Scenario(name: "Expires", more: ["Expires: 120"], status: 200, headers: [("Contact", "expires=120")]),
    Scenario(
      name: "the contact's own expiry goes first",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;expires=90")],
      more: ["Expires: 120"],
      status: 200,
      headers: [("Contact", "expires=90")]
    ),
    Scenario(name: "no expiry", status: 200, headers: [("Contact", "expires=3600")]),
    Scenario(
      name: "garbage for Expires",
      more: ["Expires: soon"],
      status: 200,
      headers: [("Contact", "expires=3600")]
    ),
    Scenario(
      name: "a negative expiry",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;expires=-5")],
      status: 200,
      headers: [("Contact", "expires=3600")]
    ),
    Scenario(
      name: "2^32",
      more: ["Expires: 4294967296"],
      status: 200,
      headers: [("Contact", "expires=7200")]
    ),
    Scenario(
      name: "an expiry of forty digits",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;expires=\(String(repeating: "9", count: 40))")],
      status: 200,
      headers: [("Contact", "expires=7200")]
    ),
    Scenario(
      name: "2^32-1",
      more: ["Expires: 4294967295"],
      status: 200,
      headers: [("Contact", "expires=7200")]
    ),
    Scenario(
      name: "a negative Expires",
      more: ["Expires: -1"],
      status: 200,
      headers: [("Contact", "expires=3600")]
    ),
    Scenario(
      name: "garbage for the contact's own expiry",
      lines: [("Contact", "<sip:a@127.0.0.1:1>;expires=soon")],
      more: ["Expires: 120"],
      status: 200,
      headers: [("Contact", "expires=3600")]
    ),
    Scenario(name: "two Expires", more: ["Expires: 120", "Expires: 240"], status: 400),
    Scenario(name: "* with an expiry of its own", lines: [("Contact", "*;expires=0")], status: 400),
    Scenario(name: "too brief", more: ["Expires: 5"], status: 423, headers: [("Min-Expires", "60")]),
    Scenario(
      name: "one of two too brief: none",
      lines: [("Contact", "<sip:a@127.0.0.1:1>, <sip:b@127.0.0.1:1>;expires=2")],
      status: 423,
      headers: [("Min-Expires", "60")]
    ),
    Scenario(name: "0 for what is not there", more: ["Expires: 0"], status: 200),
    Scenario(name: "remove all", lines: [("Contact", "*")], more: ["Expires: 0"], status: 200),
    Scenario(name: "* without Expires", lines: [("Contact", "*")], status: 400),
    Scenario(name: "* with an hour", lines: [("Contact", "*")], more: ["Expires: 3600"], status: 400),
    Scenario(
      name: "* and another",
      lines: [("Contact", "*, <sip:a@127.0.0.1:1>")],
      more: ["Expires: 0"],
      status: 400
    ),
  ]

  static let refusals = [
    Scenario(
      name: "a body that is not understood",
      more: ["Content-Type: text/plain"],
      body: "hello",
      status: 415,
      headers: [("Accept", "application/sdp")]
    ),
    Scenario(
      name: "a body in an encoding that is not understood",
      more: ["Content-Type: application/sdp", "Content-Encoding: gzip"],
      body: "hello",
      status: 415,
      headers: [("Accept-Encoding", "identity")]
    ),
    Scenario(name: "no user before the @", lines: [("To", "<sip:@example.com>")], status: 400),
    Scenario(name: "a From that is nothing", lines: [("From", "nonsense nonsense")], status: 400),
    Scenario(name: "a Max-Forwards that is no number", lines: [("Max-Forwards", "abc")], status: 400),
    Scenario(name: "no Call-ID", lines: [("Call-ID", "")], status: 400),
    Scenario(name: "no CSeq", lines: [("CSeq", "")], status: 400),
    Scenario(name: "no From", lines: [("From", "")], status: 400),
    Scenario(name: "no To", lines: [("To", "")], status: 400),
    Scenario(name: "two To", more: ["To: <sip:x@example.com>"], status: 400),
    Scenario(name: "a CSeq of 2^32", lines: [("CSeq", "4294967296 REGISTER")], status: 400),
    Scenario(name: "a CSeq of another method", lines: [("CSeq", "1 INVITE")], status: 400),
    Scenario(name: "a CSeq without a method", lines: [("CSeq", "1")], status: 400),
    Scenario(name: "Max-Forwards of 256", lines: [("Max-Forwards", "256")], status: 400),
    Scenario(name: "a negative Content-Length", lines: [("Content-Length", "-1")], status: 400),
    Scenario(name: "two Content-Lengths", more: ["Content-Length: 0"], status: 400),
    Scenario(name: "a header line without a colon", more: ["nonsense"], status: 400),
    Scenario(name: "a contact that is no URI", lines: [("Contact", "<nonsense>")], status: 400),
    Scenario(name: "an open quote", lines: [("Contact", "\"open <sip:a@127.0.0.1:1>")], status: 400),
    Scenario(name: "another version", version: "SIP/3.0", status: 505),
    Scenario(name: "an unknown scheme", line: "REGISTER odd:example.com", status: 416),
    Scenario(name: "tel", line: "REGISTER tel:+15551234", status: 416),
    Scenario(name: "a domain that is not ours", line: "REGISTER sip:example.org", status: 404),
    Scenario(name: "an AoR that is not ours", lines: [("To", "<sip:a@example.org>")], status: 404),
    Scenario(name: "a To that is no sip URI", lines: [("To", "<tel:+15551234>")], status: 400),
    Scenario(name: "angle brackets about the Request-URI", line: "REGISTER <sip:example.com>", status: 400),
    Scenario(name: "headers in the Request-URI", line: "REGISTER sip:example.com?a=b", status: 400),
    Scenario(
      name: "an extension that we do not know",
      more: ["Require: path, nothing, another"],
      status: 420,
      headers: [("Unsupported", "nothing, another")]
    ),
    Scenario(
      name: "more contacts than a request may have",
      lines: [("Contact", (1...40).map { "<sip:x@127.0.0.1:\($0)>" }.joined(separator: ", "))],
      status: 513
    ),
  ]

  static let methods = [
    Scenario(
      name: "OPTIONS to the server",
      line: "OPTIONS sip:SERVER",
      status: 200,
      headers: [
        ("Allow", "REGISTER"), ("Accept", "application/sdp"), ("Accept-Encoding", "identity"),
        ("Accept-Language", "en"), ("Supported", "path, outbound"),
      ]
    ),
    Scenario(name: "OPTIONS to the domain", line: "OPTIONS sip:example.com", status: 200),
    Scenario(
      name: "INVITE to the server itself",
      line: "INVITE sip:SERVER",
      status: 405,
      headers: [("Allow", "OPTIONS")]
    ),
    Scenario(name: "REGISTER in small letters", line: "register sip:SERVER", status: 501),
    Scenario(
      name: "OPTIONS with its hops used up",
      line: "OPTIONS sip:SERVER",
      lines: [("Max-Forwards", "0")],
      status: 200
    ),
    Scenario(
      name: "MESSAGE with its hops used up",
      line: "MESSAGE sip:nobody@example.com",
      lines: [("Max-Forwards", "0")],
      status: 483
    ),
    Scenario(
      name: "an extension for proxies that we do not know",
      line: "MESSAGE sip:nobody@example.com",
      more: ["Proxy-Require: odd"],
      status: 420,
      headers: [("Unsupported", "odd")]
    ),
    Scenario(name: "CANCEL of nothing", line: "CANCEL sip:SERVER", status: 481),
    Scenario(
      name: "BYE of nothing",
      line: "BYE sip:SERVER",
      lines: [("To", "<sip:x@example.com>;tag=1")],
      status: 481
    ),
    Scenario(
      name: "a method that nobody knows",
      line: "FLY sip:SERVER",
      status: 501,
      headers: [("Allow", "OPTIONS")]
    ),
    Scenario(
      name: "a method that is not for a server",
      line: "PUBLISH sip:SERVER",
      status: 405,
      headers: [("Allow", "OPTIONS")]
    ),
    Scenario(name: "ACK of nothing", line: "ACK sip:SERVER"),
    Scenario(name: "ACK for nobody", line: "ACK sip:nobody@example.com"),
    Scenario(name: "an ACK with a bad CSeq", line: "ACK sip:nobody@example.com", lines: [("CSeq", "x ACK")]),
  ]
}
