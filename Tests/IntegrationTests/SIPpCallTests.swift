import Foundation
import PoolDemo
import Testing

extension IntegrationTests {
  @Suite("Calls between SIPp endpoints", .serialized) struct SIPpCalls {
    private func keys(_ user: String, _ pool: PoolSandbox) -> [String: String] {
      ["user": user, "domain": pool.layout.domain]
    }

    /// Has SIPp send to another port from there on.
    private static func turn(_ port: String) -> String {
      "<nop><action><setdest host=\"127.0.0.1\" port=\"\(port)\" protocol=\"udp\"/></action></nop>"
    }

    private static let plain = ["TALK": "300", "TURN": ""]

    @Test("a call through two servers of the pool, over UDP and TCP")
    func calls() async throws {
      try await withPool("calls") { pool in
        for (calleeIsStream, callerIsStream) in [(false, false), (true, false), (false, true), (true, true)] {
          let user = "bob\(calleeIsStream ? 1 : 0)\(callerIsStream ? 1 : 0)"
          let callee = try SIPpCall("callee", of: pool, stream: calleeIsStream, words: ["ANSWER": ""])
          defer { callee.kill() }
          let transport = calleeIsStream ? ";transport=tcp" : ""
          try await SIPpCall.register(
            user,
            "<sip:\(user)@127.0.0.1:\(callee.port)\(transport)>",
            of: pool,
            server: pool.servers[1].sip
          )
          let caller = try SIPpCall(
            "caller",
            of: pool,
            server: pool.servers[0].sip,
            stream: callerIsStream,
            keys: keys(user, pool),
            words: Self.plain
          )
          defer { caller.kill() }
          try await caller.succeeds()
          try await callee.succeeds()
          #expect(callee.messages.contains("X-Unknown: passes; \"as it is\""))
        }
      }
    }

    @Test("a call that was set up through a server that is failed over is ended through another")
    func failedOver() async throws {
      try await withPool("failed", drainTime: "1s") { pool in
        let callee = try SIPpCall("callee", of: pool, words: ["ANSWER": Self.turn("[$port]")])
        defer { callee.kill() }
        try await SIPpCall.register(
          "bob",
          "<sip:bob@127.0.0.1:\(callee.port)>",
          of: pool,
          server: pool.servers[0].sip
        )
        let caller = try SIPpCall(
          "caller",
          of: pool,
          server: pool.servers[0].sip,
          keys: keys("bob", pool),
          words: ["TALK": "8000", "TURN": Self.turn("\(pool.servers[2].sip)")]
        )
        defer { caller.kill() }
        try await Task.sleep(for: .seconds(1))
        let failover = try await pool.run("failover", "fe1", "--pool", pool.poolFile, within: .seconds(60))
        #expect(failover.exitCode == 0, "\(failover.description)")
        #expect(pool.serverProcess("fe1") == nil)
        try await caller.succeeds()
        try await callee.succeeds()
      }
    }

    @Test("forking: one is busy, one answers; CANCEL; both refuse")
    func forks() async throws {
      try await withPool("forks") { pool in
        let busy = try SIPpCall(
          "callee-busy",
          of: pool,
          server: pool.servers[1].sip,
          words: ["STATUS": "486"]
        )
        let callee = try SIPpCall("callee", of: pool, words: ["ANSWER": Self.turn("[$port]")])
        let ringing = try SIPpCall("callee-cancelled", of: pool)
        let no = try [480, 484].map {
          try SIPpCall("callee-busy", of: pool, words: ["STATUS": "\($0)"])
        }
        defer { for end in [busy, callee, ringing] + no { end.kill() } }
        for (index, (user, end)) in [
          ("bob", busy), ("bob", callee), ("carl", ringing), ("dora", no[0]), ("dora", no[1]),
        ].enumerated() {
          try await SIPpCall.register(
            user,
            "<sip:\(user)@127.0.0.1:\(end.port)>",
            of: pool,
            server: pool.servers[index % 3].sip
          )
        }
        try await SIPpCall(
          "caller",
          of: pool,
          server: pool.servers[0].sip,
          keys: keys("bob", pool),
          words: Self.plain
        )
        .succeeds()
        try await busy.succeeds()
        try await callee.succeeds()
        try await SIPpCall("caller-cancels", of: pool, server: pool.servers[2].sip, keys: keys("carl", pool))
          .succeeds()
        try await ringing.succeeds()
        try await refused("sip:dora@\(pool.layout.domain)", 484, pool)
        for end in no { try await end.succeeds() }
      }
    }

    private func refused(
      _ uri: String,
      _ status: Int,
      _ pool: PoolSandbox,
      hops: Int = 70,
      lines: String = "X-None: 1"
    ) async throws {
      try await SIPpCall(
        "refused",
        of: pool,
        server: pool.servers[0].sip,
        words: ["URI": uri, "STATUS": "\(status)", "HOPS": "\(hops)", "LINES": lines]
      )
      .succeeds()
    }

    @Test("refused: a loop, no hops left, open relay, a contact whose connection is gone")
    func refusals() async throws {
      try await withPool("refused") { pool in
        let domain = pool.layout.domain
        try await SIPpCall.register(
          "ouro",
          "<sip:ouro@127.0.0.1:\(pool.servers[1].sip)>",
          of: pool,
          server: pool.servers[2].sip
        )
        try await refused("sip:ouro@\(domain)", 482, pool)
        try await refused("sip:ouro@\(domain)", 483, pool, hops: 0)
        try await refused("sip:x@192.0.2.1", 403, pool)
        try await refused("sip:ouro@\(domain)", 403, pool, lines: "Route: <sip:192.0.2.1;lr>")
        let port = SIPpCall.newPort()
        // SIPp's connection ends with it.
        try await SIPpCall.register(
          "gone",
          "<sip:gone@127.0.0.1:\(port);transport=tcp>",
          of: pool,
          server: pool.servers[1].sip,
          stream: true
        )
        try await refused("sip:gone@\(domain)", 480, pool)
        try await refused("sip:nobody@\(domain)", 480, pool)
      }
    }
  }
}
