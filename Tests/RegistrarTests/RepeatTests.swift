import Registrar
import SIPMessage
import Testing

/// What is remembered of a REGISTER, so that it may come twice, anywhere in the pool.
@Suite struct RepeatTests {
  @Test func answersARepeatTheSame() throws {
    var pool = Pool()
    let first = try pool.register("Contact: <sip:a@b>")
    #expect(pool.stores == 1)
    pool.now += 10_000
    // Another server of the pool, with another key for tags, as after a change of it.
    var configuration = pool.registrar.configuration
    configuration.tagKey = .init(low: 9, high: 9)
    pool.registrar = Registrar(configuration)
    let second = try pool.register("Contact: <sip:a@b>")
    #expect(second.status == 200)
    #expect(try second.to.tag?.text == first.to.tag?.text)
    #expect(second.contactLines == ["<sip:a@b>;expires=3590"])
    #expect(pool.stores == 1)
  }

  @Test func showsCurrentBindingsToARepeat() throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:a@b>", callID: "x")
    _ = try pool.register("Contact: <sip:c@d>", callID: "y")
    let reply = try pool.register("Contact: <sip:a@b>", callID: "x")
    #expect(reply.status == 200)
    #expect(reply.contactLines.count == 2)
    #expect(pool.stores == 2)
  }

  @Test func remembersARemoval() throws {
    for removal in ["Contact: <sip:a@b>;expires=0", "Contact: *\nExpires: 0"] {
      var pool = Pool()
      _ = try pool.register("Contact: <sip:a@b>", cseq: 1)
      let first = try pool.register(removal, cseq: 2)
      let second = try pool.register(removal, cseq: 2)
      #expect(second.status == 200)
      #expect(try first.to.tag?.text == second.to.tag?.text)
      #expect(pool.stores == 2)
      // The REGISTER that made the binding comes late: it does not come back.
      #expect(try pool.register("Contact: <sip:a@b>", cseq: 1).status == 500)
      #expect(try pool.query().isEmpty)
      // After 32 s nothing is known of it.
      pool.now += 32_000
      #expect(try pool.register("Contact: <sip:a@b>", cseq: 1).status == 200)
    }
  }

  @Test(arguments: [
    ("Contact: <sip:a@b>", "z9hG4bKother"), ("Contact: <sip:a@c>", "z9hG4bKsame"),
    ("Contact: <sip:a@b>\nExpires: 100", "z9hG4bKsame"), ("Contact: <sip:a@b>;q=1", "z9hG4bKsame"),
  ])
  func abortsWhatIsNoExactRepeat(_ headers: String, _ branch: String) throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:a@b>", branch: "z9hG4bKsame")
    #expect(try pool.register(headers, branch: branch).status == 500)
    #expect(pool.stores == 1)
    #expect(try pool.query().count == 1)
  }

  @Test func remembersOneOfEachCallID() throws {
    var pool = Pool()
    for index in 0..<20 { _ = try pool.register("Contact: <sip:a@b>", callID: "c\(index)") }
    #expect(pool.record?.remembered.count == RegistrationRecord.mostRemembered)
    #expect(pool.record?.remembered.last?.callID.text == "c19")
    _ = try pool.register("Contact: <sip:a@b>", callID: "c19", cseq: 2)
    #expect(pool.record?.remembered.count == RegistrationRecord.mostRemembered)
    pool.now += 32_000
    _ = try pool.register("Contact: <sip:a@b>", callID: "c19", cseq: 3)
    #expect(pool.record?.remembered.count == 1)
  }

  @Test func survivesAClockThatGoesBack() throws {
    var pool = Pool()
    _ = try pool.register("Contact: <sip:a@b>")
    pool.now -= 100_000
    #expect(try pool.register("Contact: <sip:a@b>").status == 200)
    #expect(pool.stores == 1)
    pool.now = .max
    #expect(try pool.query().isEmpty)
    #expect(try pool.register("Contact: <sip:a@b>", cseq: 9).status == 200)
    pool.now = .min
    _ = try pool.query()
  }
}
