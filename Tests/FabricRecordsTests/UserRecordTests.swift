import FabricRecords
import Testing

@Suite("User records")
struct UserRecordTests {
  private let md5 = String(repeating: "a1", count: 16)
  private let sha256 = String(repeating: "0f", count: 32)

  private func decode(_ text: String) throws(FabricRecordError) -> UserRecord {
    try FabricCodec.decodeUser(Array(text.utf8), addressOfRecord: "sip:a@example.com")
  }

  @Test("what is written is read, with one hash and with both")
  func roundTrip() throws {
    for record in [
      UserRecord(realm: "example.com", md5: md5, sha256: sha256), UserRecord(realm: "example.com", md5: md5),
      UserRecord(realm: "example.com", sha256: sha256),
    ] {
      let bytes = FabricCodec.encode(record)
      #expect(try FabricCodec.decodeUser(bytes, addressOfRecord: "sip:a@example.com") == record)
    }
  }

  @Test("a rewrite keeps what a newer release added, but no hash of the old password")
  func unknownFields() throws {
    let before = #"{"format":1,"realm":"x","ha1":{"MD5":"old","SHA-512-256":"old"},"note":[1.50]}"#
    let bytes = FabricCodec.encode(UserRecord(realm: "x", md5: md5), over: Array(before.utf8))
    let after = #"{"format":1,"realm":"x","ha1":{"MD5":"\#(md5)"},"note":[1.50]}"#
    #expect(String(decoding: bytes, as: UTF8.self) == after)
  }

  @Test("what is no hash is refused, and not shown")
  func badHashes() throws {
    for value in ["secret", String(md5.dropLast()), md5 + "0", md5.uppercased()] {
      do {
        _ = try decode(#"{"format":1,"realm":"x","ha1":{"MD5":"\#(value)"}}"#)
        Issue.record("taken: \(value)")
      } catch {
        #expect(error.code == .malformed)
        #expect(!error.description.contains(value))
      }
    }
    #expect(throws: FabricRecordError.self) { try decode(#"{"format":1,"realm":"x"}"#) }
    #expect(throws: FabricRecordError.self) { try decode(#"{"format":2,"realm":"x","ha1":{}}"#) }
  }

  @Test("the secret of nonces")
  func secret() throws {
    let secret = (0..<32).map { UInt8($0 * 7) }
    #expect(try FabricCodec.decodeNonceSecret(FabricCodec.encode(nonceSecret: secret)) == secret)
    for bad in [#"{"format":1}"#, #"{"format":1,"key":"00"}"#, #"{"format":1,"key":"zz"}"#, "x"] {
      #expect(throws: FabricRecordError.self) { try FabricCodec.decodeNonceSecret(Array(bad.utf8)) }
    }
  }
}
