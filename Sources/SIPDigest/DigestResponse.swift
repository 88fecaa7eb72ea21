import SIPMessage

/// The value of an Authorization or Proxy-Authorization header field (RFC 7616 section 3.4).
public struct DigestResponse: Sendable, Hashable {
  /// The user that the client says it is, escapes undone.
  public var username: [UInt8]
  /// The realm.
  public var realm: [UInt8]
  /// The nonce.
  public var nonce: [UInt8]
  /// The URI that was hashed, which need not be the Request-URI once a proxy has changed that (RFC 3261 section 22.4).
  public var uri: [UInt8]
  /// The hash, in hex.
  public var response: [UInt8]
  /// The algorithm; MD5 when none is named. Nil for one that we do not have.
  public var algorithm: DigestAlgorithm?
  /// `qop`, such as `auth`; nil when there is none.
  public var qop: [UInt8]?
  /// The client's nonce.
  public var cnonce: [UInt8]?
  /// The nonce count as it came, eight hex digits.
  public var nonceCountText: [UInt8]?

  /// The most parameters that one value may have.
  public static let mostParameters = 32

  /// The nonce count as a number.
  public var nonceCount: UInt32? {
    guard let text = nonceCountText, text.count == 8, let bytes = Hex.bytes(text[...]) else { return nil }
    return bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Reads a value. Nil when it is not Digest, or malformed: another scheme is not an error but no answer either.
  public init?(parsing value: ArraySlice<UInt8>) {
    let bytes = Array(value)
    var at = 0
    while at < bytes.count, Self.isNameByte(bytes[at]) { at += 1 }
    guard bytes[..<at].equalsLettersIgnoringCase("Digest") else { return nil }
    var found: [String: [UInt8]] = [:]
    while true {
      Self.skipSpace(bytes, &at)
      guard let (name, value) = Self.parameter(bytes, &at) else { return nil }
      // A name twice is ambiguous, so nobody is let in by it.
      guard found.updateValue(value, forKey: name) == nil, found.count <= Self.mostParameters else {
        return nil
      }
      Self.skipSpace(bytes, &at)
      if at == bytes.count { break }
      guard bytes[at] == UInt8(ascii: ",") else { return nil }
      at += 1
    }
    guard let username = found["username"], let realm = found["realm"], let nonce = found["nonce"],
      let uri = found["uri"], let response = found["response"]
    else { return nil }
    self.username = username
    self.realm = realm
    self.nonce = nonce
    self.uri = uri
    self.response = response
    algorithm = found["algorithm"].map { DigestAlgorithm($0[...]) } ?? .md5
    qop = found["qop"]
    cnonce = found["cnonce"]
    nonceCountText = found["nc"]
  }

  /// The answers for a realm in a request, the one with the best algorithm first.
  public static func all(in request: SIPMessage, realm: String, proxy: Bool = false) -> [DigestResponse] {
    let responses = request.headers(proxy ? .proxyAuthorization : .authorization).prefix(8)
      .compactMap { DigestResponse(parsing: $0) }
      .filter { $0.realm.elementsEqual(realm.utf8) && $0.algorithm != nil }
    return responses.filter { $0.algorithm == .sha256 } + responses.filter { $0.algorithm == .md5 }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "*"),
      UInt8(ascii: "!"), UInt8(ascii: "%"), UInt8(ascii: "+"), UInt8(ascii: "`"), UInt8(ascii: "'"),
      UInt8(ascii: "~"):
      return true
    default: return false
    }
  }

  private static func skipSpace(_ bytes: [UInt8], _ at: inout Int) {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 || bytes[at] == 0x0D || bytes[at] == 0x0A {
      at += 1
    }
  }

  private static func parameter(_ bytes: [UInt8], _ at: inout Int) -> (String, [UInt8])? {
    var name: [UInt8] = []
    while at < bytes.count, isNameByte(bytes[at]) {
      name.append(bytes[at] >= 0x41 && bytes[at] <= 0x5A ? bytes[at] | 0x20 : bytes[at])
      at += 1
    }
    skipSpace(bytes, &at)
    guard !name.isEmpty, at < bytes.count, bytes[at] == UInt8(ascii: "=") else { return nil }
    at += 1
    skipSpace(bytes, &at)
    var value: [UInt8] = []
    guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
      while at < bytes.count, isNameByte(bytes[at]) {
        value.append(bytes[at])
        at += 1
      }
      return value.isEmpty ? nil : (String(decoding: name, as: UTF8.self), value)
    }
    at += 1
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] == UInt8(ascii: "\\") { at += 1 }
      guard at < bytes.count else { return nil }
      value.append(bytes[at])
      at += 1
    }
    guard at < bytes.count else { return nil }
    at += 1
    return (String(decoding: name, as: UTF8.self), value)
  }
}
