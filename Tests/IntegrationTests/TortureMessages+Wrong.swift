extension TortureMessage {
  /// Sections 3.2 to 3.4: right in form, wrong or odd in what they say.
  static let wrong: [TortureMessage] = [
    .request(
      "3.2.1 badbranch",
      .status(480),
      "OPTIONS sip:user@example.com SIP/2.0",
      ["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"]
    ),
    .request(
      "3.3.1 insuf",
      .status(400),
      "INVITE sip:user@example.com SIP/2.0",
      without: ["Call-ID", "From", "To", "Max-Forwards"]
    ),
    .request("3.3.2 unkscm", .status(416), "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"),
    .request("3.3.3 novelsc", .status(416), "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"),
    .request(
      "3.3.4 unksm2",
      .status(400),
      "REGISTER sip:example.com SIP/2.0",
      [
        "To: isbn:2983792873", "From: <http://www.example.com>;tag=3234233", "Contact: <name:John_Smith>",
      ]
    ),
    .request(
      "3.3.5 bext01",
      .status(420),
      "OPTIONS sip:user@example.com SIP/2.0",
      [
        "Require: nothingSupportsThis, nothingSupportsThisEither",
        "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
      ]
    ),
    .request(
      "3.3.6 invut",
      .status(480),
      "INVITE sip:user@example.com SIP/2.0",
      ["Content-Type: application/unknownformat"],
      body: "<audio>\r\n</audio>\r\n"
    ),
    .request(
      "3.3.7 regaut01",
      .status(200),
      "REGISTER sip:example.com SIP/2.0",
      ["To: <sip:j.user@example.com>", "Authorization: NoOneKnowsThisScheme opaque-data=here"]
    ),
    .request(
      "3.3.8 multi01",
      .status(400),
      "INVITE sip:user@company.com SIP/2.0",
      [
        "CSeq: 5 INVITE", "CSeq: 59 INVITE", "Call-ID: multi01.98asdh@192.0.2.1",
        "Call-ID: multi01.98asdh@192.0.2.2", "From: sip:caller@example.com;tag=3413415",
        "From: sip:user@example.com;tag=2923420123", "Max-Forwards: 70", "Max-Forwards: 5",
        "Max-Forwards: 34",
      ]
    ),
    .request(
      "3.3.9 mcl01",
      .status(400),
      "OPTIONS sip:user@example.com SIP/2.0",
      ["Content-Length: 13", "Content-Length: 5"],
      body: "There's no way to know how many octets are supposed to be here.\r\n"
    ),
    .request(
      "3.3.10 bcast",
      .nothing,
      "SIP/2.0 200 OK",
      [
        "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923",
        "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23", "CSeq: 35 INVITE",
      ]
    ),
    .request("3.3.11 zeromf", .status(483), "OPTIONS sip:user@example.com SIP/2.0", ["Max-Forwards: 0"]),
    .request(
      "3.3.12 cparam01",
      .status(200),
      "REGISTER sip:example.com SIP/2.0",
      [
        "Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKcparam", "To: sip:watson@example.com",
        "Contact: sip:+19725552222@gw1.example.net;unknownparam",
      ]
    ),
    .request(
      "3.3.13 cparam02",
      .status(200),
      "REGISTER sip:example.com SIP/2.0",
      ["To: sip:watson@example.com", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"]
    ),
    .request(
      "3.3.14 regescrt",
      .status(200),
      "REGISTER sip:example.com SIP/2.0",
      [
        "To: sip:escrt@example.com",
        "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
      ]
    ),
    .request(
      "3.3.15 sdp01",
      .status(480),
      "INVITE sip:user@example.com SIP/2.0",
      ["Accept: text/nobodyKnowsThis"]
    ),
    .request(
      "3.4.1 inv2543",
      .status(480),
      "INVITE sip:UserB@example.com SIP/2.0",
      [
        "Via: SIP/2.0/UDP iftgw.example.com", "From: <sip:+13035551111@ift.client.example.net;user=phone>",
        "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>",
        "To: sip:+16505552222@ss1.example.net;user=phone",
      ],
      without: ["Max-Forwards"]
    ),
  ]

  /// RFC 5118: IPv6. No server of the pool is at 2001:db8::10.
  static let sixth: [TortureMessage] = [
    .request(
      "5118 4.1 ipv6-good",
      .status(404),
      "REGISTER sip:[2001:db8::10] SIP/2.0",
      [
        "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
        "Contact: \"Caller\" <sip:caller@[2001:db8::1]>",
      ]
    ),
    .request("5118 4.2 ipv6-bad", .status(400), "REGISTER sip:2001:db8::10 SIP/2.0"),
    .request("5118 4.3 port-ambiguous", .status(404), "REGISTER sip:[2001:db8::10:5070] SIP/2.0"),
    .request("5118 4.4 port-unambiguous", .status(404), "REGISTER sip:[2001:db8::10]:5070 SIP/2.0"),
    .request(
      "5118 4.5 via-received-param-with-delim",
      .status(403),
      "BYE sip:[2001:db8::10] SIP/2.0",
      ["Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111"]
    ),
    .request(
      "5118 4.5 via-received-param-no-delim",
      .status(403),
      "OPTIONS sip:[2001:db8::10] SIP/2.0",
      ["Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3"]
    ),
    .request(
      "5118 4.6 ipv6-in-sdp",
      .status(403),
      "INVITE sip:user@[2001:db8::10] SIP/2.0",
      ["Content-Type: application/sdp"],
      body: "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\nc=IN IP6 2001:db8::20\r\n"
    ),
    .request(
      "5118 4.7 mult-ip-in-header",
      .status(403),
      "BYE sip:user@host.example.net SIP/2.0",
      [
        "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111;rport",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144",
        "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200",
      ]
    ),
    .request(
      "5118 4.9 ipv4-mapped-ipv6",
      .status(480),
      "INVITE sip:user@example.com SIP/2.0",
      ["Contact: \"T. desk phone\" <sip:ted@[::ffff:192.0.2.2]>"]
    ),
    .request(
      "5118 4.10 ipv6-bug-abnf-3-colons",
      .status(403),
      "OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0",
      ["Via: SIP/2.0/UDP [2001:db8:::192.0.2.1];branch=z9hG4bKas3"]
    ),
  ]
}
