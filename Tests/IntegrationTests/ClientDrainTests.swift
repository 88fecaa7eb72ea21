import Foundation
import PoolDemo
import Testing

extension IntegrationTests {
  @Suite("Clients over TCP and a fail-over", .serialized) struct ClientDrain {
    @Test("a client with a subscription is registered elsewhere before its connection is closed")
    func moves() async throws {
      try await withPool("drain", drainTime: "30s") { pool in
        let domain = pool.layout.domain
        let device = UUID().uuidString
        let first = try TCPPhone("alice", domain: domain, port: pool.servers[0].sip, instance: device)
        let stays = try TCPPhone(
          "bob",
          domain: domain,
          port: pool.servers[1].sip,
          instance: UUID().uuidString
        )
        #expect(await first.ask("REGISTER", ["Expires: 600"])?.hasPrefix("SIP/2.0 200") == true)
        #expect(await stays.ask("REGISTER", ["Expires: 600"])?.hasPrefix("SIP/2.0 200") == true)
        var notified: String?
        let subscribed = await first.ask("SUBSCRIBE", ["Event: reg", "Expires: 600"]) { message in
          if message.hasPrefix("NOTIFY ") {
            notified = message
            first.answer(message)
          }
        }
        #expect(subscribed?.hasPrefix("SIP/2.0 200") == true)
        if notified == nil { notified = await first.notify() }
        #expect(notified?.contains("state=\"full\"") == true)

        let failOver = try pool.spawn(["failover", "fe1", "--pool", pool.poolFile])
        let told = await first.notify(within: .seconds(20))
        #expect(told?.contains("event=\"deactivated\"") == true, "\(told ?? "nothing")")
        #expect(!first.isClosed)
        // It stays registered where it was until it is registered elsewhere.
        #expect(try await pool.bindings(of: "alice").count == 1)
        let second = try TCPPhone("alice", domain: domain, port: pool.servers[1].sip, instance: device)
        #expect(await second.ask("REGISTER", ["Expires: 600"])?.hasPrefix("SIP/2.0 200") == true)
        let last = await first.notify()
        #expect(last?.contains("Subscription-State: terminated;reason=deactivated") == true)
        #expect(await first.receive() == nil && first.isClosed)
        let result = await failOver.end(within: .seconds(60))
        #expect(result.exitCode == 0, "\(result.description)")
        #expect(result.took < .seconds(25), "nobody had to be waited for: \(result.took)")

        // Calls go to the new connection. The other client has felt nothing.
        let contacts = try await pool.contacts(of: "alice")
        #expect(contacts.contains { $0.contains(":\(second.port)") }, "\(contacts)")
        #expect(!stays.isClosed)
        #expect(await stays.ask("REGISTER", ["Expires: 600"])?.hasPrefix("SIP/2.0 200") == true)
        let log = try String(
          contentsOfFile: "\(pool.directory(of: "fe1"))/log/server.log",
          encoding: .utf8
        )
        #expect(log.contains("clients-moved=1"), "\(log.suffix(1000))")
        // The server has said so in the fabric, the run has written it down, and its report shows it.
        let report = try await pool.must("runs", "show", pool.poolFile, "--json")
        #expect(report.output.contains("\"moved\""), "\(report.output.suffix(2000))")
        try await pool.must("failback", "fe1", "--pool", pool.poolFile)
      }
    }
  }
}
