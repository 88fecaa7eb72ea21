import Foundation
import PoolDemo
import Testing

extension IntegrationTests {
  /// RFC 4475 and RFC 5118 through the sockets of the built program.
  @Suite("Torture", .serialized) struct Torture {
    @Test("each message has its answer, and nobody else feels it")
    func messages() async throws {
      try await withPool("torture", servers: 1, groups: 4, change: { $0.domain = "example.com" }) { pool in
        let server = pool.servers[0]
        let process = try #require(pool.serverProcess(server.name))
        let victim = try UDPPhone("127.0.0.78", to: server.sip)
        let contact = "Contact: <sip:victim@127.0.0.78:5060>;expires=600"
        #expect(await victim.ask("REGISTER", "sip:example.com", "victim", 1, [contact])?.status == 200)

        let phone = try UDPPhone("127.0.0.77", to: server.sip)
        for message in TortureMessage.all {
          phone.send(message.bytes)
          let answer = await Self.answer(message.answer, message.callID) { await phone.receive(within: $0) }
          #expect(answer == message.answer, "\(message.name) over UDP")
        }
        for message in TortureMessage.all {
          // Some of them end the stream: each gets one of its own.
          let stream = try TCPPhone("t", domain: "example.com", port: server.sip, instance: "t")
          // The same transaction as over UDP, but no REGISTER comes twice: after 32 s it would be out of order.
          stream.send(message.another)
          let answer = await Self.answer(message.overTCP, "x\(message.callID)") {
            await stream.receive(within: $0)
          }
          #expect(answer == message.overTCP, "\(message.name) over TCP")
        }
        let still = await victim.ask("REGISTER", "sip:example.com", "victim", 2)
        #expect(still?.contains("<sip:victim@127.0.0.78:5060>;expires=") == true, "\(still ?? "nothing")")
        #expect(pool.serverProcess(server.name) == process, "the server was started again")
      }
    }

    /// What came: an answer is waited for, silence only for a moment.
    private static func answer(
      _ expected: TortureMessage.Answer,
      _ callID: String,
      _ receive: (Duration) async -> String?
    ) async -> TortureMessage.Answer {
      while let text = await receive(expected == .nothing ? .milliseconds(150) : .seconds(4)) {
        guard let status = text.status, status >= 200 else { continue }
        // An INVITE that nobody acknowledges is answered again, in between the others.
        if callID.count <= 1 ? !text.contains("\r\nCall-ID:") : text.contains(callID) {
          return .status(status)
        }
      }
      return .nothing
    }

    @Test("where a datagram cannot be sent to is nobody else's trouble")
    func unsendable() async throws {
      try await withPool("unsendable", servers: 1, groups: 4, change: { $0.domain = "example.com" }) { pool in
        let phone = try UDPPhone("127.0.0.77", to: pool.servers[0].sip)
        // A Via with the port 0, then contacts that no datagram gets to: the socket must outlive each.
        phone.send(
          "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.77:0;branch=z9hG4bKzero\r\n"
            + "From: <sip:z@example.com>;tag=z\r\nTo: <sip:example.com>\r\nCall-ID: zero\r\nCSeq: 1 OPTIONS\r\n\r\n"
        )
        #expect(await phone.final()?.status == 200)
        let nowhere = [
          "255.255.255.255", "0.0.0.0:1", "224.0.0.1", "192.0.2.1", "203.0.113.7:65535", "127.0.0.1:0",
        ]
        for (number, host) in nowhere.enumerated() {
          let user = "nowhere\(number)"
          // By way of a Path: else the contact would be reached where its REGISTER came from.
          let contact = ["Contact: <sip:\(user)@127.0.0.77>", "Path: <sip:\(host);lr>", "Supported: path"]
          #expect(await phone.ask("REGISTER", "sip:example.com", user, 1, contact)?.status == 200)
          let call = ["Contact: <sip:x@127.0.0.77>"]
          let answer = await phone.ask(
            "MESSAGE",
            "sip:\(user)@example.com",
            user,
            2,
            call,
            within: .milliseconds(300)
          )
          // The system may know a way; then nobody answers.
          #expect(answer == nil || (answer?.status ?? 0) >= 480, "\(host): \(answer ?? "nothing")")
          let after = await phone.ask("REGISTER", "sip:example.com", user, 3, ["Contact: *", "Expires: 0"])
          #expect(after?.status == 200, "after \(host)")
        }
      }
    }
  }
}

extension String {
  /// The status code of a response.
  var status: Int? { hasPrefix("SIP/2.0 ") ? Int(dropFirst(8).prefix(3)) : nil }
}
