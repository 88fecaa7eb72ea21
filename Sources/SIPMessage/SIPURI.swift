/// A URI: sip and sips taken apart, others kept whole (RFC 3261 section 19.1).
public struct SIPURI: Sendable {
  /// The scheme.
  public enum Scheme: Sendable, Hashable {
    /// `sip:`.
    case sip
    /// `sips:`.
    case sips
    /// `tel:` (RFC 3966).
    case tel
    /// Any other; a request to it gets 416.
    case other
  }

  /// The most parameters, and the most headers, that one URI may have, because comparing takes their product.
  public static let mostParameters = 64

  let bytes: [UInt8]
  let range: Range<Int>
  /// The scheme.
  public let scheme: Scheme
  let schemeEnd: Int
  let userRange: Range<Int>?
  let passwordRange: Range<Int>?
  let hostRange: Range<Int>
  /// The port, when it stands there.
  public let port: UInt16?
  let parameterRange: Range<Int>
  let headerRange: Range<Int>

  /// Parses a whole URI.
  public init(parsing value: ArraySlice<UInt8>) throws(SIPParseError) {
    try self.init(Array(value), 0..<value.count)
  }

  /// Parses a whole URI.
  public init(parsing text: String) throws(SIPParseError) {
    let bytes = Array(text.utf8)
    try self.init(bytes, 0..<bytes.count)
  }

  init(_ bytes: [UInt8], _ range: Range<Int>) throws(SIPParseError) {
    self.bytes = bytes
    self.range = range
    var cursor = ByteCursor(bytes, range)
    guard let first = cursor.current, isAlphanumeric(first), !isDigit(first) else {
      throw SIPParseError(.badURI)
    }
    while let byte = cursor.current, Self.isSchemeByte(byte) { cursor.at += 1 }
    schemeEnd = cursor.at
    guard cursor.take(UInt8(ascii: ":")), !cursor.isAtEnd else { throw SIPParseError(.badURI) }
    scheme = Self.scheme(bytes, range.lowerBound..<schemeEnd)
    let rest = cursor.at..<range.upperBound
    guard scheme == .sip || scheme == .sips else {
      for index in rest where bytes[index] <= 0x20 || bytes[index] == 0x7F { throw SIPParseError(.badURI) }
      userRange = nil
      passwordRange = nil
      hostRange = rest
      port = nil
      parameterRange = range.upperBound..<range.upperBound
      headerRange = parameterRange
      return
    }
    if let at = bytes[rest].lastIndex(of: UInt8(ascii: "@")) {
      let userInfo = rest.lowerBound..<at
      let colon = bytes[userInfo].firstIndex(of: UInt8(ascii: ":"))
      userRange = userInfo.lowerBound..<(colon ?? at)
      passwordRange = colon.map { ($0 + 1)..<at }
      guard userRange?.isEmpty == false, Self.isUserInfo(bytes, userInfo) else {
        throw SIPParseError(.badURI)
      }
      cursor.at = at + 1
    } else {
      userRange = nil
      passwordRange = nil
    }
    guard let host = HostGrammar.host(&cursor) else { throw SIPParseError(.badURI) }
    hostRange = host
    if cursor.take(UInt8(ascii: ":")) {
      guard let port = HostGrammar.port(&cursor) else { throw SIPParseError(.badURI) }
      self.port = port
    } else {
      port = nil
    }
    parameterRange = try Self.parameters(&cursor)
    headerRange = try Self.headers(&cursor)
    guard cursor.isAtEnd else { throw SIPParseError(.badURI) }
  }

  /// The URI as it came.
  public var raw: ArraySlice<UInt8> { bytes[range] }

  /// The user part as it came, escapes and all; nil when there is none.
  public var user: ArraySlice<UInt8>? { userRange.map { bytes[$0] } }

  /// The password as it came.
  public var password: ArraySlice<UInt8>? { passwordRange.map { bytes[$0] } }

  /// The host as it came, an IPv6 literal with its brackets. Of other schemes: all that follows the colon.
  public var host: ArraySlice<UInt8> { bytes[hostRange] }

  /// The parameters as they came, from the first `;`.
  public var parameters: ArraySlice<UInt8> { bytes[parameterRange] }

  /// The headers as they came, from the `?`.
  public var headers: ArraySlice<UInt8> { bytes[headerRange] }

  /// Whether a URI parameter of this name is there.
  public func hasParameter(_ name: String) -> Bool { find(name) != nil }

  /// The value of a URI parameter as it came; nil when it is not there or has none.
  public func parameter(_ name: String) -> ArraySlice<UInt8>? { find(name)?.value.map { bytes[$0] } }

  private func find(_ name: String) -> Component? {
    for component in components(parameterRange, UInt8(ascii: ";"))
    where SIPURI.decodedEquals(bytes, component.name, name) {
      return component
    }
    return nil
  }

  // MARK: - Grammar

  private static func isSchemeByte(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
      || byte == UInt8(ascii: ".")
  }

  private static func scheme(_ bytes: [UInt8], _ range: Range<Int>) -> Scheme {
    if equalsIgnoringCase(bytes, range, "sip") { return .sip }
    if equalsIgnoringCase(bytes, range, "sips") { return .sips }
    return equalsIgnoringCase(bytes, range, "tel") ? .tel : .other
  }

  /// Takes what the grammar takes, and of what should have been escaped the bytes that phones send as they are ("#").
  private static func isUserInfo(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
    for index in range {
      switch bytes[index] {
      case 0...0x20, 0x7F, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "@"),
        UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\\"):
        return false
      case UInt8(ascii: "%"):
        guard isEscape(bytes, index, range.upperBound) else { return false }
      default: break
      }
    }
    return true
  }

  static func isEscape(_ bytes: [UInt8], _ at: Int, _ end: Int) -> Bool {
    at + 2 < end && hexValue(bytes[at + 1]) != nil && hexValue(bytes[at + 2]) != nil
  }

  private static func isParameterByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, 0x7F, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "@"),
      UInt8(ascii: ";"), UInt8(ascii: "?"), UInt8(ascii: "="), UInt8(ascii: ","):
      return false
    default: return true
    }
  }

  private static func word(_ cursor: inout ByteCursor) throws(SIPParseError) -> Range<Int> {
    let start = cursor.at
    while let byte = cursor.current, isParameterByte(byte) {
      if byte == UInt8(ascii: "%"), !isEscape(cursor.bytes, cursor.at, cursor.end) {
        throw SIPParseError(.badURI)
      }
      cursor.at += 1
    }
    return start..<cursor.at
  }

  private static func parameters(_ cursor: inout ByteCursor) throws(SIPParseError) -> Range<Int> {
    let start = cursor.at
    var count = 0
    while cursor.take(UInt8(ascii: ";")) {
      count += 1
      let name = try word(&cursor)
      guard !name.isEmpty, count <= mostParameters else { throw SIPParseError(.badURI) }
      if cursor.take(UInt8(ascii: "=")) {
        let value = try word(&cursor)
        guard !value.isEmpty else { throw SIPParseError(.badURI) }
      }
    }
    return start..<cursor.at
  }

  private static func headers(_ cursor: inout ByteCursor) throws(SIPParseError) -> Range<Int> {
    let start = cursor.at
    guard cursor.take(UInt8(ascii: "?")) else { return start..<start }
    var count = 1
    var hasEquals = false
    var hasName = false
    while let byte = cursor.current {
      switch byte {
      case UInt8(ascii: "&"):
        guard hasEquals else { throw SIPParseError(.badURI) }
        count += 1
        hasEquals = false
        hasName = false
      case UInt8(ascii: "="):
        guard hasName, !hasEquals else { throw SIPParseError(.badURI) }
        hasEquals = true
      case UInt8(ascii: "%"):
        guard isEscape(cursor.bytes, cursor.at, cursor.end) else { throw SIPParseError(.badURI) }
        hasName = true
      case 0...0x20, 0x7F, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "@"):
        throw SIPParseError(.badURI)
      default: hasName = true
      }
      cursor.at += 1
    }
    guard hasEquals, count <= mostParameters else { throw SIPParseError(.badURI) }
    return start..<cursor.at
  }
}
