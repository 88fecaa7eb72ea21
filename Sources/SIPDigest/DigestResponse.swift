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
    var found: [(name: Range<Int>, value: [UInt8])] = []
    found.reserveCapacity(12)
    while true {
      Self.skipSpace(bytes, &at)
      guard let parameter = Self.parameter(bytes, &at) else { return nil }
      // A name twice is ambiguous, so nobody is let in by it.
      guard !found.contains(where: { Self.isSameName(bytes, $0.name, parameter.name) }),
        found.count < Self.mostParameters
      else { return nil }
      found.append(parameter)
      Self.skipSpace(bytes, &at)
      if at == bytes.count { break }
      guard bytes[at] == UInt8(ascii: ",") else { return nil }
      at += 1
    }
    func named(_ name: String) -> [UInt8]? {
      found.first { bytes[$0.name].equalsLettersIgnoringCase(name) }?.value
    }
    guard let username = named("username"), let realm = named("realm"), let nonce = named("nonce"),
      let uri = named("uri"), let response = named("response")
    else { return nil }
    self.username = username
    self.realm = realm
    self.nonce = nonce
    self.uri = uri
    self.response = response
    algorithm = named("algorithm").map { DigestAlgorithm($0[...]) } ?? .md5
    qop = named("qop")
    cnonce = named("cnonce")
    nonceCountText = named("nc")
  }

  private static func isSameName(_ bytes: [UInt8], _ one: Range<Int>, _ other: Range<Int>) -> Bool {
    guard one.count == other.count else { return false }
    for (left, right) in zip(one, other) where lower(bytes[left]) != lower(bytes[right]) { return false }
    return true
  }

  private static func lower(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

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

  private static func parameter(_ bytes: [UInt8], _ at: inout Int) -> (name: Range<Int>, value: [UInt8])? {
    let start = at
    while at < bytes.count, isNameByte(bytes[at]) { at += 1 }
    let name = start..<at
    skipSpace(bytes, &at)
    guard !name.isEmpty, at < bytes.count, bytes[at] == UInt8(ascii: "=") else { return nil }
    at += 1
    skipSpace(bytes, &at)
    guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
      let first = at
      while at < bytes.count, isNameByte(bytes[at]) { at += 1 }
      return at == first ? nil : (name, Array(bytes[first..<at]))
    }
    at += 1
    let first = at
    var hasEscapes = false
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] == UInt8(ascii: "\\") {
        hasEscapes = true
        at += 1
      }
      at += 1
    }
    guard at < bytes.count else { return nil }
    defer { at += 1 }
    return (name, hasEscapes ? unescaped(bytes[first..<at]) : Array(bytes[first..<at]))
  }

  private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var isEscaped = false
    for byte in text {
      if byte == UInt8(ascii: "\\"), !isEscaped {
        isEscaped = true
      } else {
        result.append(byte)
        isEscaped = false
      }
    }
    return result
  }
}
