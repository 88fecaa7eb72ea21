/// The `;name=value` parameters behind an address or a Via. They were checked when the value was parsed.
public struct SIPParameters: Sendable, Sequence {
  let bytes: [UInt8]
  /// From the first `;` to the end of the last value.
  let range: Range<Int>

  /// One parameter.
  public struct Parameter: Sendable {
    /// The name as it came.
    public let name: ArraySlice<UInt8>
    /// The value as it came, quotes included; nil when there is no `=`.
    public let value: ArraySlice<UInt8>?
  }

  /// All of them as they came, from the first `;`.
  public var raw: ArraySlice<UInt8> { bytes[range] }

  /// Whether a parameter of this name is there, with or without value. Names have no case.
  public func contains(_ name: String) -> Bool { find(name) != nil }

  /// The value of the first parameter of this name, quotes included; nil when it is not there or has no value.
  public func value(_ name: String) -> ArraySlice<UInt8>? {
    guard let value = find(name) ?? nil else { return nil }
    return bytes[value]
  }

  /// The value without its quotes and with `\x` undone.
  public func unquotedValue(_ name: String) -> [UInt8]? {
    guard let value = value(name) else { return nil }
    return SIPParameters.unquoted(value)
  }

  /// How often a parameter of this name is there.
  public func count(_ name: String) -> Int {
    var count = 0
    for parameter in self where parameter.name.equalsIgnoringCase(name) { count += 1 }
    return count
  }

  /// Walks over the parameters in their order.
  public func makeIterator() -> Iterator { Iterator(cursor: ByteCursor(bytes, range)) }

  /// The place of the walk.
  public struct Iterator: IteratorProtocol {
    var cursor: ByteCursor

    /// The next parameter.
    public mutating func next() -> Parameter? {
      guard let (name, value) = SIPParameters.nextParameter(&cursor) else { return nil }
      return Parameter(name: cursor.bytes[name], value: value.map { cursor.bytes[$0] })
    }
  }

  private func find(_ name: String) -> Range<Int>?? {
    var cursor = ByteCursor(bytes, range)
    while let (found, value) = Self.nextParameter(&cursor) {
      if equalsIgnoringCase(bytes, found, name) { return .some(value) }
    }
    return nil
  }

  /// Takes one `;name[=value]`. Nil, without saying why, when there is none.
  static func nextParameter(_ cursor: inout ByteCursor) -> (Range<Int>, Range<Int>?)? {
    cursor.skipWhitespace()
    guard cursor.take(UInt8(ascii: ";")) else { return nil }
    cursor.skipWhitespace()
    guard let name = cursor.token() else { return nil }
    let nameEnd = cursor.at
    cursor.skipWhitespace()
    guard cursor.take(UInt8(ascii: "=")) else {
      cursor.at = nameEnd
      return (name, nil)
    }
    cursor.skipWhitespace()
    if cursor.current == UInt8(ascii: "\"") {
      guard let quoted = cursor.quotedString() else { return nil }
      return (name, quoted)
    }
    let start = cursor.at
    while let byte = cursor.current, isValueByte(byte) { cursor.at += 1 }
    guard cursor.at > start else { return nil }
    return (name, start..<cursor.at)
  }

  /// Token, host (also an IPv6 literal), and what is seen in the wild, up to the next separator.
  private static func isValueByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, 0x7F, UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "<"),
      UInt8(ascii: ">"), UInt8(ascii: "="):
      return false
    default: return true
    }
  }

  /// Takes all parameters up to the end of the value.
  static func parse(_ cursor: inout ByteCursor, header: SIPHeaderName?) throws(SIPParseError) -> SIPParameters
  {
    let start = cursor.at
    var end = start
    while nextParameter(&cursor) != nil { end = cursor.at }
    // What stopped the walk must be the end; a ";" without a name, say, is not.
    cursor.at = end
    guard cursor.trimmedRest.isEmpty else { throw SIPParseError(.badHeaderValue, header: header) }
    return SIPParameters(bytes: cursor.bytes, range: start..<end)
  }

  /// Takes the quotes off, if there are any.
  static func unquoted(_ value: ArraySlice<UInt8>) -> [UInt8] {
    guard value.first == UInt8(ascii: "\""), value.count >= 2 else { return Array(value) }
    var result: [UInt8] = []
    result.reserveCapacity(value.count)
    var isEscaped = false
    for byte in value.dropFirst().dropLast() {
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
