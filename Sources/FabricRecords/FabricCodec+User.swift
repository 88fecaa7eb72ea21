/// What a user proves itself with: the hashes of `user:realm:password` of RFC 7616, one for each algorithm. Each of them
/// is as good as the password within its realm.
public struct UserRecord: Hashable, Sendable {
  /// The realm that the hashes were made for.
  public var realm: String
  /// The hash by MD5, 32 hex digits in lower case; `nil` when there is none.
  public var md5: String?
  /// The hash by SHA-256, 64 hex digits in lower case; `nil` when there is none, then the user cannot use SHA-256.
  public var sha256: String?

  /// A record.
  public init(realm: String, md5: String? = nil, sha256: String? = nil) {
    self.realm = realm
    self.md5 = md5
    self.sha256 = sha256
  }
}

// `{"format":1,"realm":"example.com","ha1":{"MD5":"…","SHA-256":"…"}}`
extension FabricCodec {
  /// The value of key `user/<canonical AoR>`. The hashes are replaced as a whole: one by an algorithm that this release
  /// does not know is of the password before.
  public static func encode(_ record: UserRecord, over previous: [UInt8]? = nil) -> [UInt8] {
    var hashes = JSONObject()
    if let md5 = record.md5 { hashes["MD5"] = .string(md5) }
    if let sha256 = record.sha256 { hashes["SHA-256"] = .string(sha256) }
    var object = JSONObject()
    object["format"] = .integer(format)
    object["realm"] = .string(record.realm)
    object["ha1"] = .object(hashes)
    object.keepUnknown(of: readable(previous), known: ["format", "realm", "ha1"])
    return object.bytes
  }

  /// Reads the value of key `user/<canonical AoR>`. No error shows a hash.
  public static func decodeUser(_ bytes: [UInt8], addressOfRecord: String) throws(FabricRecordError)
    -> UserRecord
  {
    let fields = try RecordFields(bytes, key: FabricKey.user(addressOfRecord: addressOfRecord).text)
    let hashes = try fields.fields("ha1")
    return UserRecord(
      realm: try fields.text("realm"),
      md5: try hash(hashes, "MD5", digits: 32),
      sha256: try hash(hashes, "SHA-256", digits: 64)
    )
  }

  private static func hash(_ fields: RecordFields, _ name: String, digits: Int) throws(FabricRecordError)
    -> String?
  {
    guard fields.has(name) else { return nil }
    let text = try fields.text(name, upTo: digits)
    guard isHex(text, digits: digits) else { throw fields.malformed(name, "is not \(digits) hex digits") }
    return text
  }

  /// The value of key `secret/nonce`.
  public static func encode(nonceSecret secret: [UInt8]) -> [UInt8] {
    var object = JSONObject()
    object["format"] = .integer(format)
    object["key"] = .string(hex(secret))
    return object.bytes
  }

  /// Reads the value of key `secret/nonce`: at least 16 bytes, at most 256.
  public static func decodeNonceSecret(_ bytes: [UInt8]) throws(FabricRecordError) -> [UInt8] {
    let fields = try RecordFields(bytes, key: FabricKey.nonceSecret.text)
    let digits = try fields.text("key", upTo: 512).compactMap(\.hexDigitValue)
    guard digits.count >= 32, digits.count.isMultiple(of: 2) else {
      throw fields.malformed("key", "is not at least 32 hex digits, in pairs")
    }
    return stride(from: 0, to: digits.count, by: 2).map {
      UInt8(truncatingIfNeeded: digits[$0] << 4 | digits[$0 + 1])
    }
  }

  /// Whether text is so many hex digits, in lower case.
  static func isHex(_ text: String, digits: Int) -> Bool {
    text.utf8.count == digits
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
