/// Why something was not written.
public enum SIPWriteError: Error, Hashable, Sendable {
  /// CR, LF or NUL in a name or value would begin another header field.
  case lineBreak
  /// A name that is no token.
  case badName
  /// The message to edit has no such header field.
  case missing(SIPHeaderName)
  /// The header field to edit is malformed.
  case malformed(SIPHeaderName)
  /// Max-Forwards is 0: answer 483.
  case tooManyHops
}

/// Header lines ready to be written, each with its CRLF. A value with a line break cannot get in.
public struct SIPHeaderBlock: Sendable, Hashable {
  /// The lines.
  public private(set) var bytes: [UInt8] = []

  /// Makes an empty block.
  public init() {}

  /// Whether there are no lines.
  public var isEmpty: Bool { bytes.isEmpty }

  /// Makes room.
  public mutating func reserveCapacity(_ count: Int) { bytes.reserveCapacity(count) }

  /// Adds one header field.
  public mutating func add(_ name: SIPHeaderName, _ value: ArraySlice<UInt8>) throws(SIPWriteError) {
    try Self.check(value)
    begin(name)
    bytes.append(contentsOf: value)
    end()
  }

  /// Adds one header field.
  public mutating func add(_ name: SIPHeaderName, _ value: [UInt8]) throws(SIPWriteError) {
    try add(name, value[...])
  }

  /// Adds one header field.
  public mutating func add(_ name: SIPHeaderName, _ value: String) throws(SIPWriteError) {
    for byte in value.utf8 where Self.isBreak(byte) { throw .lineBreak }
    begin(name)
    bytes.append(contentsOf: value.utf8)
    end()
  }

  /// Adds one header field whose value is written in its place. With a line break in it it is left out.
  /// - Returns: whether it was added.
  @discardableResult
  public mutating func add(_ name: SIPHeaderName, writing: (inout [UInt8]) -> Void) -> Bool {
    let before = bytes.count
    begin(name)
    let start = bytes.count
    writing(&bytes)
    guard bytes.count >= start, !bytes[start...].contains(where: Self.isBreak) else {
      bytes.removeSubrange(min(before, bytes.count)...)
      return false
    }
    end()
    return true
  }

  /// Adds one header field with a number.
  public mutating func add(_ name: SIPHeaderName, _ value: UInt64) {
    begin(name)
    bytes.append(decimal: value)
    end()
  }

  /// Adds one header field that we have no case for.
  public mutating func add(named name: String, _ value: ArraySlice<UInt8>) throws(SIPWriteError) {
    guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else { throw .badName }
    try Self.check(value)
    bytes.append(contentsOf: name.utf8)
    bytes.append(contentsOf: [UInt8(ascii: ":"), 0x20])
    bytes.append(contentsOf: value)
    end()
  }

  /// Adds the lines of another block.
  public mutating func add(_ block: SIPHeaderBlock) { bytes.append(contentsOf: block.bytes) }

  static func check(_ value: ArraySlice<UInt8>) throws(SIPWriteError) {
    for byte in value where isBreak(byte) { throw .lineBreak }
  }

  static func isBreak(_ byte: UInt8) -> Bool { byte == 0x0D || byte == 0x0A || byte == 0 }

  private mutating func begin(_ name: SIPHeaderName) {
    bytes.append(contentsOf: name.text.utf8)
    bytes.append(UInt8(ascii: ":"))
    bytes.append(0x20)
  }

  private mutating func end() {
    bytes.append(0x0D)
    bytes.append(0x0A)
  }
}
