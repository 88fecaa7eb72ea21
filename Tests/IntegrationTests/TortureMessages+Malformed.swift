extension TortureMessage {
  /// Section 3.1.2: against the grammar.
  static let malformed: [TortureMessage] = [
    .request(
      "3.1.2.1 badinv01",
      .status(400),
      "INVITE sip:user@example.com SIP/2.0",
      ["Via: SIP/2.0/UDP 192.0.2.15;;,;,,", "Contact: \"Joe\" <sip:joe@example.org>;;;;"]
    ),
    .request(
      "3.1.2.2 clerr",
      .status(400),
      overTCP: .nothing,
      "INVITE sip:user@example.com SIP/2.0",
      ["Content-Length: 9999", "Content-Type: application/sdp"],
      body: "v=0\r\n"
    ),
    .request(
      "3.1.2.3 ncl",
      .status(400),
      "INVITE sip:user@example.com SIP/2.0",
      ["Content-Length: -999", "Content-Type: application/sdp"],
      body: "v=0\r\n"
    ),
    .request(
      "3.1.2.4 scalar02",
      .status(400),
      "REGISTER sip:example.com SIP/2.0",
      [
        "CSeq: 36893488147419103232 REGISTER", "Max-Forwards: 300", "Expires: 10000000000000000000000000",
        "Contact: <sip:user@host129.example.com>;expires=280297596632815",
      ]
    ),
    .request(
      "3.1.2.5 scalarlg",
      .nothing,
      "SIP/2.0 503 Service Unavailable",
      [
        "Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129",
        "CSeq: 9292394834772304023312 OPTIONS", "Retry-After: 949302838503028349304023988",
        "Warning: 1812 overture \"In Progress\"",
      ]
    ),
    .request(
      "3.1.2.6 quotbal",
      .status(400),
      "INVITE sip:user@example.com SIP/2.0",
      ["To: \"Mr. J. User <sip:j.user@example.com>"]
    ),
    .request("3.1.2.7 ltgtruri", .status(400), "INVITE <sip:user@example.com> SIP/2.0"),
    .request("3.1.2.8 lwsruri", .status(400), "INVITE sip:user@example.com; lr SIP/2.0"),
    .request("3.1.2.9 lwsstart", .status(400), "INVITE  sip:user@example.com  SIP/2.0"),
    .request("3.1.2.10 trws", .status(400), "OPTIONS sip:remote-target@example.com SIP/2.0  "),
    .request(
      "3.1.2.11 escruri",
      .status(400),
      "INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0"
    ),
    .request(
      "3.1.2.12 baddate",
      .status(480),
      "INVITE sip:user@example.com SIP/2.0",
      ["Date: Fri, 01 Jan 2010 16:00:00 EST"]
    ),
    .request(
      "3.1.2.13 regbadct",
      .status(400),
      "REGISTER sip:example.com SIP/2.0",
      ["Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"]
    ),
    .request(
      "3.1.2.14 badaspec",
      .status(400),
      "OPTIONS sip:user@example.org SIP/2.0",
      ["To: \"Watson, Thomas\" < sip:t.watson@example.org >"]
    ),
    .request(
      "3.1.2.15 baddn",
      .status(400),
      "OPTIONS sip:t.watson@example.org SIP/2.0",
      ["From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"]
    ),
    .request("3.1.2.16 badvers", .status(505), "OPTIONS sip:t.watson@example.org SIP/7.0"),
    .request("3.1.2.17 mismatch01", .status(400), "OPTIONS sip:user@example.com SIP/2.0", ["CSeq: 8 INVITE"]),
    .request(
      "3.1.2.18 mismatch02",
      .status(400),
      "NEWMETHOD sip:user@example.com SIP/2.0",
      ["CSeq: 8 INVITE"]
    ),
    .request("3.1.2.19 bigcode", .nothing, "SIP/2.0 4294967301 better not break the receiver"),
  ]
}
