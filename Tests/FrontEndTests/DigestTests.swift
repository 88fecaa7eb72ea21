import FabricRecords
import FabricStore
import PoolModel
import PoolTesting
import SIPDigest
import Testing

@testable import FrontEnd

@Suite("Digest", .serialized)
struct DigestTests {
  private func with(
    _ count: Int,
    users: [DigestUser] = [DigestUser(name: "alice", password: "wonder")],
    algorithms: [DigestAlgorithm] = [.md5, .sha256],
    _ body: (TestPool) async throws -> Void
  ) async throws {
    try await TestPool.with(count) { pool in
      for user in users { try await user.add(to: pool.stores[0], algorithms: algorithms) }
      try await pool.eventually("users are known") {
        pool.servers.allSatisfy { $0.metrics.exposition().contains("quorate_users \(users.count)\n") }
      }
      // For a moment after it took a group over a server takes no older nonces.
      try await Task.sleep(for: .milliseconds(300))
      try await body(pool)
    }
  }

  /// The index of the server, of two, that leads a user's group, and that of the other one.
  private func leaderAndOther(_ pool: TestPool, of user: String) async throws -> (Int, Int) {
    let leads = try await pool.servers[0].snapshot().groupsLed.contains(TestPool.group(of: user))
    return leads ? (0, 1) : (1, 0)
  }

  private func register(
    _ phone: Phone,
    _ user: DigestUser,
    cseq: Int,
    to name: String? = nil,
    _ authorization: String? = nil
  ) async throws -> String {
    let target = name ?? user.name
    let caller = TestUser(target, phone)
    let text = caller.request(
      "REGISTER",
      "sip:example.com",
      to: target,
      cseq: cseq,
      callID: "digest-\(target)-\(phone.port)",
      "Contact: <\(caller.contact)>;expires=600\r\n"
        + (authorization.map { "Authorization: \($0)\r\n" } ?? "")
    )
    return try #require(try await phone.ask(text))
  }

  @Test("challenges both ways, the best first; an answer is taken on every server; a replay is not")
  func registration() async throws {
    let alice = DigestUser(name: "alice", password: "wonder")
    try await with(2) { pool in
      let phone = try await Phone.udp(to: try pool.sip(0))
      let second = try await Phone.udp(to: try pool.sip(1))
      let challenge = try await register(phone, alice, cseq: 1)
      #expect(challenge.status == 401)
      let offers = challenge.headers("WWW-Authenticate")
      #expect(offers.count == 2)
      #expect(offers.first?.contains("SHA-256") == true)
      #expect(offers.allSatisfy { $0.contains("qop=\"auth\"") && !$0.contains("stale") })
      let nonce = try #require(challenge.nonce)
      var answer = try await register(
        phone,
        alice,
        cseq: 2,
        alice.answer("REGISTER", nonce: nonce, count: 1)
      )
      #expect(answer.status == 200)
      // The other server takes the nonce too, and no other user's.
      answer = try await register(
        second,
        alice,
        cseq: 1,
        alice.answer("REGISTER", nonce: nonce, count: 2)
      )
      #expect(answer.status == 200)
      // A count again, with another request: a replay.
      answer = try await register(
        second,
        alice,
        cseq: 2,
        alice.answer("REGISTER", nonce: nonce, count: 2)
      )
      #expect(answer.status == 401)
      #expect(answer.headers("WWW-Authenticate").allSatisfy { $0.contains("stale=true") })
      // And another's address-of-record.
      answer = try await register(
        second,
        alice,
        cseq: 3,
        to: "bob",
        alice.answer("REGISTER", nonce: nonce, count: 3)
      )
      // Bob's group may not know the nonce's count; it is Alice who answered all the same.
      #expect(answer.status == 403)
      await phone.close()
      await second.close()
    }
  }

  @Test("counts are handed over at a planned swap: a replay is refused, the next count needs no challenge")
  func swap() async throws {
    let alice = DigestUser(name: "alice", password: "wonder")
    try await with(2) { pool in
      let (old, new) = try await leaderAndOther(pool, of: "alice")
      let phone = try await Phone.udp(to: try pool.sip(new))
      let nonce = try #require(try await register(phone, alice, cseq: 1).nonce)
      func answer(_ count: Int, cseq: Int) async throws -> String {
        try await register(phone, alice, cseq: cseq, alice.answer("REGISTER", nonce: nonce, count: count))
      }
      #expect(try await answer(1, cseq: 2).status == 200)
      let mark = OutMark(by: "test", reason: "patch", since: PoolTime(milliseconds: 1))
      try await pool.mark(pool.servers[old].configuration.server, .leaving(mark))
      try await pool.eventually("the counts were handed over") {
        let led = try await pool.servers[new].snapshot().groupsLed
        return led.count == 8
          && !pool.servers[new].metrics.exposition().contains("hand_overs_total{outcome=\"taken\"} 0\n")
      }
      try await pool.eventually("it takes the next count") { try await answer(2, cseq: 3).status == 200 }
      let replayed = try await answer(1, cseq: 4)
      #expect(replayed.status == 401 && replayed.contains("stale=true"))
      #expect(try await answer(3, cseq: 5).status == 200)
      await phone.close()
    }
  }

  @Test("after a crash older nonces are stale, and the client goes on with a new one")
  func crash() async throws {
    let alice = DigestUser(name: "alice", password: "wonder")
    try await with(2) { pool in
      let (old, new) = try await leaderAndOther(pool, of: "alice")
      let phone = try await Phone.udp(to: try pool.sip(new))
      let nonce = try #require(try await register(phone, alice, cseq: 1).nonce)
      let first = alice.answer("REGISTER", nonce: nonce, count: 1)
      #expect(try await register(phone, alice, cseq: 2, first).status == 200)
      pool.stores[old].faults.partition()
      try await pool.eventually("the other leads all") {
        try await pool.servers[new].snapshot().groupsLed.count == 8
      }
      let stale = try await register(phone, alice, cseq: 3, alice.answer("REGISTER", nonce: nonce, count: 2))
      #expect(stale.status == 401 && stale.contains("stale=true"))
      let again = alice.answer("REGISTER", nonce: try #require(stale.nonce), count: 1)
      #expect(try await register(phone, alice, cseq: 4, again).status == 200)
      await phone.close()
    }
  }

  @Test("an exact repeat is no replay and gets the same answer")
  func repeated() async throws {
    let alice = DigestUser(name: "alice", password: "wonder")
    try await with(1) { pool in
      let phone = try await Phone.udp(to: try pool.sip(0))
      let nonce = try #require(try await register(phone, alice, cseq: 1).nonce)
      let caller = TestUser("alice", phone)
      let text = caller.request(
        "REGISTER",
        "sip:example.com",
        to: "alice",
        cseq: 2,
        callID: "again",
        "Contact: <\(caller.contact)>;expires=600\r\n"
          + "Authorization: \(alice.answer("REGISTER", nonce: nonce, count: 1))\r\n"
      )
      let first = try #require(try await phone.ask(text))
      let again = try #require(try await phone.ask(text))
      #expect(first.status == 200)
      #expect(again.status == 200)
      #expect(first.header("To") == again.header("To"))
      await phone.close()
    }
  }

  @Test("wrong passwords, forged nonces and missing hashes are challenged again, and not told apart")
  func wrong() async throws {
    let alice = DigestUser(name: "alice", password: "wonder")
    try await with(1, algorithms: [.md5]) { pool in
      let phone = try await Phone.udp(to: try pool.sip(0))
      let nonce = try #require(try await register(phone, alice, cseq: 1).nonce)
      let stranger = DigestUser(name: "alice", password: "guess", algorithm: .md5)
      let nobody = DigestUser(name: "nobody", password: "guess", algorithm: .md5)
      let forged = DigestUser(name: "alice", password: "wonder", algorithm: .md5)
      for (user, value) in [
        (stranger, nonce), (nobody, nonce), (alice, nonce), (forged, String(nonce.reversed())),
      ] {
        let answer = try await register(phone, user, cseq: 2, user.answer("REGISTER", nonce: value, count: 1))
        #expect(answer.status == 401)
        #expect(!answer.contains("stale"))
      }
      // MD5 is what this user has.
      let right = try await register(
        phone,
        forged,
        cseq: 3,
        forged.answer("REGISTER", nonce: nonce, count: 1)
      )
      #expect(right.status == 200)
      await phone.close()
    }
  }

  @Test("a user with one hash is offered that algorithm alone, and who is no user everything")
  func offers() async throws {
    let alice = DigestUser(name: "alice", password: "wonder", algorithm: .md5)
    try await with(1, users: [alice], algorithms: [.md5]) { pool in
      let phone = try await Phone.udp(to: try pool.sip(0))
      let challenge = try await register(phone, alice, cseq: 1)
      #expect(challenge.headers("WWW-Authenticate").count == 1)
      #expect(challenge.contains("algorithm=MD5"))
      let nobody = DigestUser(name: "nobody", password: "x")
      #expect(try await register(phone, nobody, cseq: 1).headers("WWW-Authenticate").count == 2)
      let caller = TestUser("alice", phone).request("MESSAGE", "sip:nobody@example.com", to: "nobody")
      let answer = try #require(try await phone.ask(caller))
      #expect(answer.status == 407)
      #expect(answer.headers("Proxy-Authenticate").count == 1)
      await phone.close()
    }
  }

  @Test("a pool without users is open; its first user closes it and its last one opens it")
  func opening() async throws {
    try await TestPool.with(1) { pool in
      let alice = DigestUser(name: "alice", password: "wonder")
      let phone = try await Phone.udp(to: try pool.sip(0))
      #expect(try await register(phone, alice, cseq: 1).status == 200)
      try await alice.add(to: pool.stores[0])
      var cseq = 1
      try await pool.eventually("it is closed") {
        cseq += 1
        return try await register(phone, alice, cseq: cseq).status == 401
      }
      let key = FabricKey.user(addressOfRecord: "sip:alice@example.com").text
      _ = try await pool.stores[0].commit(FabricTransaction(then: [.delete(key)]))
      try await pool.eventually("it is open") {
        cseq += 1
        return try await register(phone, alice, cseq: cseq).status == 200
      }
      await phone.close()
    }
  }

  @Test("a caller who says that it is a user of ours proves it; others go on")
  func callers() async throws {
    let alice = DigestUser(name: "alice", password: "wonder")
    try await with(1) { pool in
      let phone = try await Phone.udp(to: try pool.sip(0))
      let nonce = try #require(try await register(phone, alice, cseq: 1).nonce)
      _ = try await register(phone, alice, cseq: 2, alice.answer("REGISTER", nonce: nonce, count: 1))
      let caller = TestUser("alice", phone)
      let uri = "sip:alice@example.com"
      let challenge = try #require(
        try await phone.ask(caller.request("MESSAGE", uri, to: "alice", callID: "m1"))
      )
      #expect(challenge.status == 407)
      let own = try #require(challenge.headers("Proxy-Authenticate").first?.nonce)
      #expect(own != nonce)
      let proof = alice.answer("MESSAGE", nonce: own, count: 1, uri: uri)
      let text = caller.request(
        "MESSAGE",
        uri,
        to: "alice",
        cseq: 2,
        callID: "m1",
        "Proxy-Authorization: \(proof)\r\n"
      )
      // Sent twice, as over UDP when the answer is late: it goes on once.
      try await phone.send(text)
      try await phone.send(text)
      let delivered = try #require(await phone.receive())
      #expect(delivered.hasPrefix("MESSAGE sip:alice@127.0.0.1"))
      #expect(!delivered.contains("Proxy-Authorization"), "what is proved to us is nobody else's")
      try await phone.send(PoolTests.response(200, to: delivered))
      #expect(await phone.receive()?.status == 200)
      let branch = try #require(text.firstRange(of: "z9hG4bK-"))
      let replayed = String(text[..<branch.lowerBound] + "z9hG4bK-again-" + text[branch.upperBound...])
        .replacing("CSeq: 2 ", with: "CSeq: 3 ")
      try await phone.send(replayed)
      let refused = try #require(await phone.receive())
      #expect(refused.status == 407)
      #expect(refused.contains("stale=true"))
      let foreign = caller.request("MESSAGE", uri, to: "alice", callID: "m2")
        .replacing("From: <sip:alice@example.com>", with: "From: <sip:alice@elsewhere.example>")
      try await phone.send(foreign)
      let passed = try #require(await phone.receive())
      #expect(passed.hasPrefix("MESSAGE "))
      try await phone.send(PoolTests.response(200, to: passed))
      #expect(await phone.receive()?.status == 200)
      let nobody = caller.request("MESSAGE", "sip:nobody@example.com", to: "nobody", callID: "m3")
        .replacing("From: <sip:alice@example.com>", with: "From: <sip:alice@elsewhere.example>")
      #expect(try await phone.ask(nobody)?.status == 404)
      await phone.close()
    }
  }

  @Test("the reserved users are the pool's own", arguments: [false, true])
  func reserved(hasUsers: Bool) async throws {
    let users = hasUsers ? [DigestUser(name: "alice", password: "wonder")] : []
    try await with(1, users: users) { pool in
      let phone = try await Phone.udp(to: try pool.sip(0))
      let entry = try #require(try await pool.stores[0].read(FabricKey.nonceSecret.text))
      let secret = try FabricCodec.decodeNonceSecret(entry.value)
      let caller = TestUser("quorate-proof-fe1", phone)
      let refused = try #require(try await phone.ask(caller.register(callID: "p")))
      #expect(refused.status == 403)
      let fields = ReservedUser.fields(
        callID: "p",
        cseq: 2,
        addressOfRecord: "sip:quorate-proof-fe1@example.com",
        secret: secret
      )
      let text = caller.register(cseq: 2, callID: "p")
        .replacing("Content-Length", with: "\(fields)\r\nContent-Length")
      #expect(try await phone.ask(text)?.status == 200)
      #expect(try await phone.ask(text.replacing("Call-ID: p", with: "Call-ID: q"))?.status == 403)
      // A proof is of one request: what was overheard registers nothing else.
      #expect(try await phone.ask(text.replacing("CSeq: 2", with: "CSeq: 3"))?.status == 403)
      // A tool of the previous release sends the first of the two alone.
      let own = try #require(fields.split(separator: "\r\n").last)
      let earlier = text.replacing("\(own)\r\n", with: "").replacing("CSeq: 2", with: "CSeq: 4")
      #expect(try await phone.ask(earlier)?.status == 200)
      #expect(try await phone.ask(earlier.replacing("Call-ID: p", with: "Call-ID: q"))?.status == 403)
      await phone.close()
    }
  }
}
