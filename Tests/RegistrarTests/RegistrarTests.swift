import Registrar
import SIPMessage
import Testing

@Suite struct RegistrarTests {
  @Test func registersRefreshesAndRemoves() throws {
    var pool = Pool()
    var reply = try pool.register("Contact: <sip:alice@192.0.2.7>;q=0.5;+x=\"a,b\"\nExpires: 600")
    #expect(reply.status == 200)
    #expect(reply.contactLines == ["<sip:alice@192.0.2.7>;q=0.5;+x=\"a,b\";expires=600"])
    #expect(reply.header(.date)?.text == "Sun, 09 Sep 2001 01:46:40 GMT")
    #expect(!reply.contains(.recordRoute))
    #expect(try reply.to.tag != nil)
    pool.now += 100_500
    #expect(try pool.query() == ["<sip:alice@192.0.2.7>;q=0.5;+x=\"a,b\";expires=500"])
    reply = try pool.register("Contact: <sip:alice@192.0.2.7>;expires=700\nExpires: 60", cseq: 2)
    #expect(reply.contactLines == ["<sip:alice@192.0.2.7>;expires=700"])
    reply = try pool.register("Contact: <sip:alice@192.0.2.7>;expires=0", cseq: 3)
    #expect(reply.status == 200)
    #expect(reply.contactLines.isEmpty)
    #expect(pool.record?.bindings.isEmpty == true)
    #expect(pool.record?.remembered.count == 1)
    #expect(pool.record?.purged(at: pool.now) != nil)
    #expect(pool.record?.purged(at: pool.now + 32_000) == nil)
  }

  @Test func keepsWhereItCameFrom() throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:a@192.0.2.7>\nPath: <sip:p1;lr>, <sip:p2;lr;ob>")
    let binding = try #require(pool.record?.bindings.first)
    #expect(binding.source.text == "udp:192.0.2.7:5060")
    #expect(binding.flow.text == "fe1/7")
    #expect(binding.paths.map(\.text) == ["<sip:p1;lr>", "<sip:p2;lr;ob>"])
    #expect(binding.callID.text == "c1")
    #expect(binding.cseq == 1)
    #expect(binding.q == 1_000)
    #expect(binding.expiresAt == pool.now + 3_600_000)
  }

  @Test func echoesPathToWhoKnowsIt() throws {
    var pool = Pool()
    var reply = try pool.register("Contact: <sip:a@b>\nPath: <sip:p1;lr>\nPath: <sip:p2;lr>\nSupported: path")
    #expect(reply.values(of: .path).map(\.text) == ["<sip:p1;lr>", "<sip:p2;lr>"])
    reply = try pool.register("Contact: <sip:a@b>\nPath: <sip:p1;lr>", cseq: 2)
    #expect(!reply.contains(.path))
    #expect(try pool.register("Contact: <sip:a@b>\nPath: sip:p1", cseq: 3).status == 400)
    let long = "<sip:\(String(repeating: "p", count: 250));x=\(String(repeating: "p", count: 3_000))>"
    #expect(try pool.register("Contact: <sip:a@b>\nPath: \(long)", cseq: 3).status == 513)
  }

  /// Step 7: the parameter, else Expires, else the default; never more than the longest.
  @Test(arguments: [
    ("Contact: <sip:a@b>;expires=100\nExpires: 200", 100), ("Contact: <sip:a@b>\nExpires: 200", 200),
    ("Contact: <sip:a@b>", 3_600), ("Contact: <sip:a@b>;expires=garbage\nExpires: 100", 3_600),
    ("Contact: <sip:a@b>\nExpires: garbage", 3_600),
    ("Contact: <sip:a@b>;expires=99999999999999999999", 7_200),
    ("Contact: <sip:a@b>\nExpires: 4294967295", 7_200), ("Contact: <sip:a@b>;expires=60", 60),
    ("Contact: sip:a@b;expires=61", 61),
  ])
  func choosesTheExpiry(_ headers: String, _ seconds: Int) throws {
    var pool = Pool()
    let reply = try pool.register(headers)
    #expect(reply.status == 200)
    #expect(reply.contactLines.first?.hasSuffix(";expires=\(seconds)") == true)
  }

  @Test func refusesTooBriefIntervals() throws {
    var pool = Pool()
    let reply = try pool.register("Contact: <sip:a@b>;expires=59, <sip:c@d>")
    #expect(reply.status == 423)
    #expect(reply.header(.minExpires)?.text == "60")
    #expect(pool.record == nil)
    var configuration = pool.registrar.configuration
    configuration.minimumExpires = 5_000
    pool.registrar = Registrar(configuration)
    // Only what is under an hour may be refused.
    #expect(try pool.register("Contact: <sip:a@b>;expires=3599").status == 423)
    #expect(try pool.register("Contact: <sip:a@b>;expires=3600", cseq: 2).status == 200)
  }

  @Test(arguments: [
    ("Contact: *\nExpires: 0", 200), ("Contact: *\nExpires: 1", 400), ("Contact: *", 400),
    ("Contact: *, <sip:a@b>\nExpires: 0", 400), ("Contact: *\nContact: <sip:a@b>\nExpires: 0", 400),
    ("Contact: *;expires=0", 400), ("Contact: *\nExpires: x", 400),
  ])
  func holdsToTheRulesOfTheWildcard(_ headers: String, _ status: Int) throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:a@b>, <sip:c@d>", callID: "other", cseq: 9)
    let reply = try pool.register(headers)
    #expect(reply.status == status)
    #expect(try pool.query().count == (status == 200 ? 0 : 2))
  }

  @Test func abortsAWildcardOutOfOrder() throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:a@b>", callID: "x", cseq: 1)
    _ = try pool.register("Contact: <sip:c@d>", callID: "y", cseq: 5)
    #expect(
      try pool.register("Contact: *\nExpires: 0", callID: "y", cseq: 5, branch: "z9hG4bKnew").status == 500
    )
    #expect(try pool.query().count == 2)
    // Also when nothing is remembered any more.
    pool.now += 40_000
    #expect(try pool.register("Contact: *\nExpires: 0", callID: "y", cseq: 4).status == 500)
    #expect(try pool.query().count == 2)
    #expect(try pool.register("Contact: *\nExpires: 0", callID: "y", cseq: 6).status == 200)
    #expect(try pool.query().isEmpty)
  }

  /// Step 7: Call-ID and CSeq of a binding that is there.
  @Test(arguments: [
    ("c1", 6, 200), ("c1", 5, 500), ("c1", 4, 500), ("c2", 1, 200), ("c2", 5, 200),
  ])
  func ordersByCSeq(_ callID: String, _ cseq: Int, _ status: Int) throws {
    for wait in [Int64(0), 40_000] {
      for headers in ["Contact: <sip:a@b>;x=new", "Contact: <sip:a@b>;expires=0"] {
        var pool = Pool()
        _ = try pool.register("Contact: <sip:a@b>", cseq: 5)
        pool.now += wait
        let reply = try pool.register(headers, callID: callID, cseq: cseq, branch: "z9hG4bKnew")
        #expect(reply.status == status)
        let isChanged = try pool.query().first?.hasPrefix("<sip:a@b>;expires") != true
        #expect(isChanged == (status == 200))
      }
    }
  }

  @Test func changesAllOrNothing() throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:a@b>", callID: "x", cseq: 5)
    _ = try pool.register("Contact: <sip:c@d>", callID: "y", cseq: 5)
    let before = pool.record
    pool.now += 40_000
    #expect(
      try pool.register("Contact: <sip:new@b>, <sip:a@b>;expires=0, <sip:c@d>", callID: "y", cseq: 5).status
        == 500
    )
    #expect(pool.record == before)
    #expect(try pool.register("Contact: <sip:e@f>, <sip:g@h>, <sip:i@j>", callID: "z", cseq: 1).status == 403)
    #expect(pool.record == before)
    #expect(try pool.register("Contact: <sip:e@f>, <sip:a@b>;expires=0", callID: "z", cseq: 1).status == 200)
    #expect(try pool.query().count == 2)
  }

  @Test func limitsContacts() throws {
    var pool = Pool()
    for index in 0..<3 {
      #expect(try pool.register("Contact: <sip:\(index)@b>", cseq: index + 1).status == 200)
    }
    let reply = try pool.register("Contact: <sip:3@b>", cseq: 4)
    #expect(reply.status == 403)
    // A refresh is no new contact, and one that ended makes room.
    #expect(try pool.register("Contact: <sip:2@b>;expires=7200", cseq: 5).status == 200)
    pool.now += 3_600_001
    #expect(try pool.register("Contact: <sip:3@b>", cseq: 6).status == 200)
    #expect(try pool.query().count == 2)
    let many = (0..<33).map { "<sip:\($0)@b>" }.joined(separator: ",")
    #expect(try pool.register("Contact: \(many)", cseq: 7).status == 513)
  }

  @Test func matchesContactsAsURIs() throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:%61lice@AtlanTa.CoM;transport=TCP>")
    _ = try pool.register("Contact: <sip:alice@atlanta.com;Transport=tcp>", cseq: 2)
    #expect(try pool.query() == ["<sip:alice@atlanta.com;Transport=tcp>;expires=3600"])
    _ = try pool.register("Contact: <sip:alice@atlanta.com>", cseq: 3)
    #expect(try pool.query().count == 2)
    // The comparison is not transitive: both of these equal the last.
    var carol = Pool()
    _ = try carol.register("Contact: <sip:carol@b;security=on>, <sip:carol@b;security=off>")
    #expect(try carol.query().count == 2)
    _ = try carol.register("Contact: <sip:carol@b>", cseq: 2)
    #expect(try carol.query() == ["<sip:carol@b>;expires=3600"])
  }

  @Test func takesTheLastOfEqualContacts() throws {
    var pool = Pool()
    let reply = try pool.register("Contact: <sip:a@b>;q=0.1, <sip:a@b>;q=0.2")
    #expect(reply.status == 200)
    #expect(reply.contactLines == ["<sip:a@b>;q=0.2;expires=3600"])
    #expect(try pool.register("Contact: <sip:a@b>, <sip:a@b>;expires=0", cseq: 2).contactLines.isEmpty)
  }

  @Test func queriesChangeNothing() throws {
    var pool = Pool()
    #expect(try pool.query().isEmpty)
    _ = try pool.register("Contact: <sip:a@b>", cseq: 5)
    let before = pool.record
    let reply = try pool.register("", cseq: 1)
    #expect(reply.status == 200)
    #expect(reply.contactLines.count == 1)
    #expect(pool.record == before)
    #expect(pool.stores == 1)
    #expect(try pool.register("Contact:", cseq: 6).status == 400)
  }

  @Test func forgetsWhatHasEnded() throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:a@b>;expires=60, <sip:c@d>;expires=90")
    pool.now += 60_000
    #expect(try pool.query() == ["<sip:c@d>;expires=30"])
    #expect(pool.record?.nextChange == pool.now - 60_000 + 32_000)
    #expect(pool.record?.purged(at: pool.now)?.bindings.count == 1)
    #expect(pool.record?.purged(at: pool.now)?.nextChange == pool.now + 30_000)
    // A binding that ended has no say in the order of requests.
    #expect(try pool.register("Contact: <sip:a@b>", cseq: 1, branch: "z9hG4bKx").status == 200)
  }

  @Test func ordersLookupsByQ() throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:a@b>;q=0.1", cseq: 1)
    pool.now += 1
    _ = try pool.register("Contact: <sip:c@d>;q=0.9", cseq: 2)
    pool.now += 1
    _ = try pool.register("Contact: <sip:e@f>;q=0.1", cseq: 3)
    #expect(pool.record?.liveBindings(at: pool.now).map(\.contact.text) == ["sip:c@d", "sip:e@f", "sip:a@b"])
    #expect(pool.record?.liveBindings(at: pool.now + 3_600_000).isEmpty == true)
  }
}
