import Registrar
import Testing

@Suite struct RecordTests {
  static let record = RegistrationRecord(
    bindings: [
      Binding(
        contact: Array("sip:alice@192.0.2.7:5060".utf8),
        parameters: Array(";q=0.5;+sip.instance=\"<urn:uuid:1>\";reg-id=1".utf8),
        q: 500,
        isOutbound: true,
        callID: Array("c@h".utf8),
        cseq: .max,
        expiresAt: 1_700_000_000_000,
        updatedAt: -1,
        paths: [Array("<sip:p;lr>".utf8), []],
        source: Array("udp:192.0.2.7:5060".utf8),
        flow: [0, 255]
      ),
      Binding(contact: [1], callID: [], cseq: 0, expiresAt: .max, updatedAt: .min),
    ],
    remembered: [
      RememberedRegister(callID: [2], cseq: 7, branch: [3], digest: .max, status: 200, toTag: [4], at: .min)
    ]
  )

  @Test func comesBackAsItWas() throws {
    #expect(try RegistrationRecord(decoding: Self.record.encoded()) == Self.record)
    #expect(try RegistrationRecord(decoding: RegistrationRecord().encoded()) == RegistrationRecord())
    #expect(Self.record.encoded().first == 1)
    #expect(Self.record.bindings.first?.instance?.count == 12)
    #expect(Self.record.bindings.first?.regID == [UInt8(ascii: "1")])
  }

  @Test func isCompact() {
    // Issue 3 allows 1,040 bytes a binding in memory.
    #expect(Self.record.encoded().count < 260)
  }

  @Test func keepsFieldsOfALaterVersion() throws {
    // A record field, and fields in a binding and in a remembered REGISTER, with tags that this version has not.
    let binding: [UInt8] = [1, 1, 0x41, 200, 1, 2, 9, 9]
    let remembered: [UInt8] = [2, 1, 5, 90, 0]
    var bytes: [UInt8] = [1, 1, UInt8(binding.count)] + binding
    bytes += [2, UInt8(remembered.count)] + remembered + [77, 3, 1, 2, 3]
    var record = try RegistrationRecord(decoding: bytes)
    record.bindings[0].cseq = 4
    let written = record.encoded()
    #expect(written.suffix(5) == [77, 3, 1, 2, 3])
    #expect(try RegistrationRecord(decoding: written) == record)
    func contains(_ part: [UInt8]) -> Bool {
      written.indices.contains { written[$0...].starts(with: part) }
    }
    #expect(contains([200, 1, 2, 9, 9]))
    #expect(contains([90, 0]))
    // Also through a refresh by a REGISTER.
    var pool = Pool()
    record.bindings[0].contact = Array("sip:a@b".utf8)
    record.bindings[0].expiresAt = .max
    pool.record = record
    _ = try pool.register("Contact: <sip:a@b>", callID: "new")
    #expect(pool.record?.encoded().suffix(5) == [77, 3, 1, 2, 3])
    let refreshed = try #require(pool.record).encoded()
    #expect(refreshed.indices.contains { refreshed[$0...].starts(with: [200, 1, 2, 9, 9]) })
  }

  @Test(arguments: [
    ([], RegistrationRecordError.empty), ([2], .unknownFormat(2)), ([1, 1], .malformed),
    ([1, 1, 5, 0], .malformed),
    ([1, 1, 0], .malformed), ([1, 128], .malformed), ([1] + [UInt8](repeating: 255, count: 12), .malformed),
    ([1, 2, 3, 2, 1, 128], .malformed), ([1, 2, 4, 2, 2, 1, 1], .malformed),
    ([1, 2, 3, 5, 1, 7], .malformed),
    ([1, 2, 8, 2, 6, 255, 255, 255, 255, 255, 1], .malformed),
    ([1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], .malformed),
  ])
  func throwsOnGarbage(_ bytes: [UInt8], _ expected: RegistrationRecordError) {
    #expect(throws: expected) { try RegistrationRecord(decoding: bytes) }
  }

  @Test func neverTraps() {
    let good = Self.record.encoded()
    for length in good.indices { _ = try? RegistrationRecord(decoding: Array(good[..<length])) }
    var state: UInt64 = 1
    func next() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 40)
    }
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<(1 + next() % 3) { bytes[next() % bytes.count] = UInt8(truncatingIfNeeded: next()) }
      guard let record = try? RegistrationRecord(decoding: bytes) else { continue }
      _ = (record.liveBindings(at: 0), record.purged(at: .max), record.nextChange)
      for binding in record.bindings { _ = (binding.contactValue(at: .min), binding.instance, binding.regID) }
      #expect((try? RegistrationRecord(decoding: record.encoded())) == record)
    }
    #expect(throws: RegistrationRecordError.tooLarge) {
      try RegistrationRecord(decoding: [UInt8](repeating: 1, count: RegistrationRecord.mostBytes + 1))
    }
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (1_289_690_940_999, "Sat, 13 Nov 2010 23:29:00 GMT"),
    (951_782_399_000, "Mon, 28 Feb 2000 23:59:59 GMT"), (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (1_709_251_199_000, "Thu, 29 Feb 2024 23:59:59 GMT"),
    (1_795_953_905_000, "Sun, 29 Nov 2026 12:05:05 GMT"),
    (4_107_542_400_000, "Mon, 01 Mar 2100 00:00:00 GMT"), (.min, "Thu, 01 Jan 1970 00:00:00 GMT"),
    (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
  ])
  func writesDates(_ milliseconds: Int64, _ text: String) {
    #expect(SIPDate.text(milliseconds: milliseconds) == text)
  }
}
