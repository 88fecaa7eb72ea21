import SIPMessage
import SIPTransaction
import Testing

func wire(_ text: String) -> [UInt8] {
  var result: [UInt8] = []
  for byte in text.utf8 {
    if byte == 0x0A { result.append(0x0D) }
    result.append(byte)
  }
  return result
}

@Suite struct TransactionKeyTests {
  private func request(
    _ method: String = "INVITE",
    via: String = "SIP/2.0/UDP host:5060;branch=z9hG4bKa",
    toTag: String = "",
    cseq: Int = 1,
    uri: String = "sip:x"
  ) throws -> SIPMessage {
    try SIPMessage(
      parsing: wire(
        "\(method) \(uri) SIP/2.0\nVia: \(via)\nFrom: <sip:a>;tag=f\nTo: <sip:b>\(toTag)\nCall-ID: c\nCSeq: \(cseq) \(method)\n\n"
      )
    )
  }

  @Test func matchesByBranch() throws {
    let key = try TransactionKey(serverOf: request())
    #expect(try TransactionKey(serverOf: request(via: "SIP/2.0/UDP HOST:5060;branch=z9hG4bKa")) == key)
    #expect(try TransactionKey(serverOf: request(cseq: 2, uri: "sip:y")) == key)
    #expect(try TransactionKey(serverOf: request("ACK")) == key)
    #expect(try TransactionKey(cancelledBy: request("CANCEL")) == key)
    #expect(try TransactionKey(serverOf: request("CANCEL")) != key)
    #expect(try TransactionKey(serverOf: request("OPTIONS")) != key)
    for via in ["host:5060;branch=z9hG4bKb", "other:5060;branch=z9hG4bKa", "host;branch=z9hG4bKa"] {
      #expect(try TransactionKey(serverOf: request(via: "SIP/2.0/UDP \(via)")) != key)
    }
  }

  @Test func matchesOldClientsByTheirRequest() throws {
    for branch in ["", ";branch=1", ";branch=z9hG4bK"] {
      let via = "SIP/2.0/UDP host\(branch)"
      let key = try TransactionKey(serverOf: request(via: via))
      #expect(try TransactionKey(serverOf: request(via: via)) == key)
      #expect(try TransactionKey(serverOf: request("ACK", via: via, toTag: ";tag=ours")) == key)
      #expect(try TransactionKey(cancelledBy: request("CANCEL", via: via)) == key)
      #expect(try TransactionKey(serverOf: request(via: via, cseq: 2)) != key)
      #expect(try TransactionKey(serverOf: request(via: via, uri: "sip:y")) != key)
      #expect(try TransactionKey(serverOf: request(via: via + ";x", cseq: 1)) == key)
      #expect(try TransactionKey(serverOf: request("BYE", via: via)) != key)
    }
  }

  @Test func matchesResponses() throws {
    for method in ["INVITE", "DANCE"] {
      let key = TransactionKey(branch: Array("z9hG4bKa".utf8), method: Array(method.utf8))
      let response = try SIPMessage(parsing: try request(method).response(status: 200))
      #expect(try TransactionKey(clientOf: response) == key)
      let other = try SIPMessage(parsing: try request("BYE").response(status: 200))
      #expect(try TransactionKey(clientOf: other) != key)
    }
    let bare = try SIPMessage(parsing: wire("SIP/2.0 200 OK\nVia: SIP/2.0/UDP h\nCSeq: 1 BYE\n\n"))
    #expect(throws: SIPParseError.self) { try TransactionKey(clientOf: bare) }
    #expect(throws: SIPParseError.self) {
      try TransactionKey(serverOf: SIPMessage(parsing: wire("BYE sip:x SIP/2.0\n\n")))
    }
  }

  @Test func derivesACKAndCANCEL() throws {
    let invite = try SIPMessage(
      parsing: wire(
        """
        INVITE sip:bob@biloxi.com SIP/2.0
        Via: SIP/2.0/UDP me;branch=z9hG4bKmine, SIP/2.0/UDP you;branch=z9hG4bKyours
        Route: <sip:p1;lr>,
          <sip:p2;lr>
        Max-Forwards: 69
        From: <sip:a@b>;tag=1
        To: <sip:bob@biloxi.com>
        Call-ID: c
        CSeq: 7 INVITE
        Content-Length: 0


        """
      )
    )
    let response = try SIPMessage(parsing: try invite.response(status: 486, toTag: Array("t".utf8)))
    let ack = try SIPMessage(parsing: try DerivedRequest.ack(for: invite, response: response))
    #expect(ack.method == .ack)
    #expect(ack.requestURIBytes.text == "sip:bob@biloxi.com")
    #expect(try ack.vias.map { $0.branch?.text } == ["z9hG4bKmine"])
    #expect(try ack.to.tag?.text == "t")
    #expect(try ack.cseq == CSeq(number: 7, method: .ack))
    #expect(try ack.routes.count == 2)
    #expect(try TransactionKey(serverOf: ack) == TransactionKey(serverOf: invite))
    let cancel = try SIPMessage(parsing: try DerivedRequest.cancel(for: invite))
    #expect(cancel.method == .cancel)
    #expect(try cancel.to.tag == nil)
    #expect(try TransactionKey(cancelledBy: cancel) == TransactionKey(serverOf: invite))
  }
}
