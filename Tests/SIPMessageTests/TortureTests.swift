import SIPMessage
import Testing

@Suite struct TortureTests {
  @Test(arguments: Torture.valid.indices)
  func takesWhatIsValid(_ index: Int) throws {
    let (name, bytes) = Torture.valid[index]
    let message = try SIPMessage(parsing: bytes)
    #expect(try message.cseqMatchesMethod, "\(name)")
    _ = try message.requestURI
    _ = try message.callID
    _ = try message.to.uri
    _ = try message.from.uri
    #expect(try !message.vias.isEmpty)
    _ = try message.contacts()
    _ = try message.maxForwards
    _ = try message.routes
    // What is written from it parses again.
    let response = try SIPMessage(parsing: try message.response(status: 200, toTag: Array("t".utf8)))
    #expect(try response.to.parameters.contains("tag"))
    #expect(try response.vias.count == message.vias.count)
    var forwarding = SIPForwarding()
    forwarding.decrementsMaxForwards = true
    forwarding.via = Array("SIP/2.0/UDP me;branch=z9hG4bKx".utf8)
    let forwarded = try SIPMessage(parsing: try forwarding.apply(to: message))
    #expect(try forwarded.vias.count == message.vias.count + 1)
    #expect(forwarded.body == message.body || forwarded.body.elementsEqual(message.body))
  }

  @Test func readsTheTortuousInvite() throws {
    let message = try SIPMessage(parsing: Torture.valid[0].1)
    #expect(try message.cseq == CSeq(number: 9, method: .invite))
    #expect(try message.maxForwards == 68)
    #expect(try message.to.tag?.text == "1918181833n")
    #expect(try message.from.displayName.text == "J Rosenberg \\\"")
    #expect(try message.vias.map(\.host.text) == ["192.0.2.2", "spindle.example.com", "192.168.255.111"])
    #expect(try message.vias.map { $0.branch?.text } == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"])
    #expect(message.header(.subject)?.isEmpty == true)
    guard case .contacts(let contacts) = try message.contacts() else { return }
    #expect(contacts.first?.q == 330)
    #expect(contacts.first?.address.parameters.value("newparam")?.text == "newvalue")
    #expect(message.body.count == 150)
  }

  @Test func readsEscapes() throws {
    let message = try SIPMessage(parsing: Torture.valid[2].1)
    #expect(try message.to.uri.addressOfRecord == "sip:user@example.com")
    guard case .contacts(let contacts) = try message.contacts() else { return }
    let expected = try SIPURI(parsing: "sip:caller@host5.example.net;lr;name=value%25%34%31")
    #expect(contacts.first?.uri.isEquivalent(to: expected) == true)
    let nulls = try SIPMessage(parsing: Torture.valid[3].1)
    guard case .contacts(let two) = try nulls.contacts(), two.count == 2 else {
      Issue.record("not two contacts")
      return
    }
    #expect(!two[0].uri.isEquivalent(to: two[1].uri))
    let percent = try SIPMessage(parsing: Torture.valid[4].1)
    #expect(percent.method == .other)
    #expect(percent.count(.contact) == 2)
    #expect(try SIPMessage(parsing: Torture.valid[7].1).bytes.text.hasSuffix("Content-Length: 0\r\n\r\n"))
  }

  /// Each prefix of each message is parsed and read; nothing may trap.
  @Test(arguments: Torture.valid.indices)
  func survivesEveryPrefix(_ index: Int) {
    let bytes = Torture.valid[index].1
    for length in 0..<min(bytes.count, 1_500) {
      let prefix = Array(bytes[..<length])
      if let message = try? SIPMessage(parsing: prefix) { touch(message) }
      if let message = SIPMessage(salvaging: prefix) { touch(message) }
      // A header section that ends in the middle, for the values of header fields.
      if let message = try? SIPMessage(parsing: prefix + [13, 10, 13, 10]) { touch(message) }
    }
  }

  /// Bytes are changed, left out and doubled; nothing may trap, and what parses once parses after being written again.
  @Test(arguments: Torture.valid.indices)
  func survivesChanges(_ index: Int) {
    var generator = SeededGenerator(state: UInt64(index) &* 77)
    let special: [UInt8] = Array("\r\n \t:;,<>\"\\=%@?[]()*09aZ/".utf8) + [0, 0x7F, 0x80, 0xFF]
    for _ in 0..<300 {
      var bytes = Torture.valid[index].1
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let at = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[at] = special.randomElement(using: &generator) ?? 0
        case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: bytes.remove(at: at)
        default: bytes.insert(special.randomElement(using: &generator) ?? 0, at: at)
        }
      }
      if let message = SIPMessage(salvaging: bytes) { touch(message) }
      guard let message = try? SIPMessage(parsing: bytes) else { continue }
      touch(message)
      if let copy = try? SIPForwarding().apply(to: message) {
        let again = try? SIPMessage(parsing: copy)
        #expect(again?.headerCount == message.headerCount)
      }
    }
  }

  @Test func survivesNoise() {
    var generator = SeededGenerator(state: 3)
    for _ in 0..<2_000 {
      var bytes = Array("INVITE sip:x SIP/2.0\r\nVia: ".utf8)
      for _ in 0..<Int.random(in: 0..<80, using: &generator) {
        bytes.append(UInt8.random(in: 0...255, using: &generator))
      }
      bytes += Array("\r\n\r\n".utf8)
      if let message = try? SIPMessage(parsing: bytes) { touch(message) }
      _ = try? SIPURI(parsing: bytes[28...].prefix(20))
    }
  }
}
