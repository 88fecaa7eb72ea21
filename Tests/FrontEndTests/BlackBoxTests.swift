import Testing

@testable import FrontEnd

@Suite("Whatever comes in is answered as RFC 3261 says", .timeLimit(.minutes(2)))
struct BlackBoxTests {
  @Test("over UDP and TCP alike", arguments: [false, true])
  func all(stream: Bool) async throws {
    try await TestPool.single { pool in
      let server = "\(try pool.sip(0))"
      for (number, scenario) in Self.scenarios.enumerated() {
        // Some of them end a stream: each gets one of its own.
        let phone = try await stream ? Phone.tcp(to: pool.sip(0)) : Phone.udp(to: pool.sip(0))
        let text = scenario.text(number, port: phone.port, transport: stream ? "TCP" : "UDP")
          .replacing("SERVER", with: server)
        try await phone.send(text)
        let answer = await phone.receive(within: scenario.status == nil ? .milliseconds(150) : .seconds(4))
        #expect(answer?.status == scenario.status, "\(scenario.name): \(answer ?? "nothing")")
        for (name, value) in scenario.headers {
          #expect(answer?.header(name)?.contains(value) == true, "\(scenario.name): \(answer ?? "nothing")")
        }
        await phone.close()
      }
      let phone = try await Phone.udp(to: pool.sip(0))
      #expect(try await phone.ask(TestUser("last", phone).register())?.status == 200)
      await phone.close()
    }
  }

  @Test("Content-Length of a datagram: what is behind the body is no part of it, what is missing is an error")
  func contentLength() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("length", phone)
      #expect(try await phone.ask(user.register(cseq: 1) + "INVITE rubbish")?.status == 200)
      let long = user.register(cseq: 2).replacing("Content-Length: 0", with: "Content-Length: 9999")
      #expect(try await phone.ask(long)?.status == 400)
      let without = user.register(cseq: 3).replacing("Content-Length: 0\r\n", with: "")
      #expect(try await phone.ask(without)?.status == 200)
      await phone.close()
    }
  }

  @Test("all of a request's contacts or none, and CSeq and Call-ID say what counts")
  func order() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let user = TestUser("order", phone)
      let other = "<sip:order@127.0.0.1:7>"
      #expect(try await phone.ask(user.register(cseq: 5))?.status == 200)
      // One of them is older than what is there: neither is taken.
      let both = "<\(user.contact)>;expires=600, \(other)"
      #expect(try await phone.ask(user.register(cseq: 4, contact: both))?.status == 500)
      let query = try await phone.ask(user.register(cseq: 6, expires: nil))
      #expect(query?.contains("127.0.0.1:7") == false)
      // Another Call-ID: another client, or one that was started anew.
      let anew = user.register(cseq: 1, contact: other, callID: "anew")
      #expect(try await phone.ask(anew)?.status == 200)
      let gone = try await phone.ask(user.register(cseq: 7, expires: 0))
      #expect(gone?.status == 200)
      #expect(gone?.contains("127.0.0.1:7") == true)
      #expect(gone?.contains("127.0.0.1:\(phone.port)>;") == false)
      await phone.close()
    }
  }

  @Test("contacts are the same when 19.1.4 says so")
  func sameContacts() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let pairs: [(String, String, Bool)] = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true),
        (
          "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
          "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true
        ),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
        ("sip:bob@biloxi.com:5060", "sip:bob@biloxi.com:6000;transport=tcp", false),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false),
      ]
      for (number, (one, two, same)) in pairs.enumerated() {
        let user = TestUser("same\(number)", phone)
        #expect(try await phone.ask(user.register(cseq: 1, contact: "<\(one)>"))?.status == 200)
        let answer = try #require(try await phone.ask(user.register(cseq: 2, contact: "<\(two)>")))
        let count = answer.split(separator: "\r\n").count { $0.hasPrefix("Contact:") }
        #expect(count == (same ? 1 : 2), "\(one) and \(two): \(answer)")
      }
      await phone.close()
    }
  }

  @Test("what is no message, and answers to nothing, get no answer and harm nobody")
  func noise() async throws {
    try await TestPool.single { pool in
      let phone = try await Phone.udp(to: pool.sip(0))
      let via = "Via: SIP/2.0/UDP 127.0.0.1:\(phone.port);branch=z9hG4bKnoise"
      for text in [
        "SIP/2.0 200 OK\r\n\(via)\r\n\r\n", "SIP/2.0 999 Odd\r\n\(via)\r\n\r\n", "SIP/2.0 \r\n\r\n",
        "\r\n\r\n\r\n\r\n", "REGISTER", "REGISTER sip:example.com\r\n\r\n", "\u{0}\u{0}\u{0}\u{0}",
        "REGISTER sip:example.com SIP/2.0\r\n\r\n", String(repeating: "\u{FF}", count: 3_000),
      ] {
        try await phone.send(text)
      }
      #expect(await phone.receive(within: .milliseconds(300)) == nil)
      #expect(try await phone.ask(TestUser("noise", phone).register())?.status == 200)
      await phone.close()
    }
  }
}
