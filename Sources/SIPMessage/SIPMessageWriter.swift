/// Writes one request or response, first line first. Content-Length is written by `finish`.
public struct SIPMessageWriter: Sendable {
  private var bytes: [UInt8] = []

  /// Begins a request.
  /// - Throws: when method or URI have bytes that would break the request line.
  public init(method: String, uri: ArraySlice<UInt8>, capacity: Int = 512) throws(SIPWriteError) {
    guard !method.isEmpty, method.utf8.allSatisfy(isTokenByte) else { throw .badName }
    guard !uri.isEmpty, uri.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { throw .lineBreak }
    bytes.reserveCapacity(capacity)
    bytes.append(contentsOf: method.utf8)
    bytes.append(0x20)
    bytes.append(contentsOf: uri)
    bytes.append(contentsOf: " SIP/2.0\r\n".utf8)
  }

  /// Begins a request.
  public init(method: SIPMethod, uri: String, capacity: Int = 512) throws(SIPWriteError) {
    try self.init(method: method.rawValue, uri: Array(uri.utf8)[...], capacity: capacity)
  }

  /// Begins a response.
  /// - Parameter reason: nil takes the phrase of RFC 3261.
  public init(status: Int, reason: String? = nil, capacity: Int = 512) throws(SIPWriteError) {
    let phrase = reason ?? SIPStatus.phrase(status)
    for byte in phrase.utf8 where byte == 0x0D || byte == 0x0A || byte == 0 { throw .lineBreak }
    bytes.reserveCapacity(capacity)
    bytes.append(contentsOf: "SIP/2.0 ".utf8)
    bytes.append(decimal: UInt64(clamping: status))
    bytes.append(0x20)
    bytes.append(contentsOf: phrase.utf8)
    bytes.append(0x0D)
    bytes.append(0x0A)
  }

  /// Adds one header field.
  public mutating func add(_ name: SIPHeaderName, _ value: ArraySlice<UInt8>) throws(SIPWriteError) {
    try SIPHeaderBlock.check(value)
    addRaw(name, value)
  }

  /// Adds one header field.
  public mutating func add(_ name: SIPHeaderName, _ value: String) throws(SIPWriteError) {
    try add(name, Array(value.utf8)[...])
  }

  /// Adds one header field with a number.
  public mutating func add(_ name: SIPHeaderName, _ value: UInt64) {
    begin(name)
    bytes.append(decimal: value)
    bytes.append(0x0D)
    bytes.append(0x0A)
  }

  /// Adds header lines.
  public mutating func add(_ block: SIPHeaderBlock) { bytes.append(contentsOf: block.bytes) }

  /// Adds a header field of a parsed message as it stands, folds and all.
  mutating func addRaw(_ name: SIPHeaderName, _ value: ArraySlice<UInt8>) {
    begin(name)
    bytes.append(contentsOf: value)
    bytes.append(0x0D)
    bytes.append(0x0A)
  }

  /// The same with something behind it.
  mutating func addRaw(
    _ name: SIPHeaderName,
    _ value: ArraySlice<UInt8>,
    _ text: StaticString,
    _ more: [UInt8]
  ) {
    begin(name)
    bytes.append(contentsOf: value)
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: more)
    bytes.append(0x0D)
    bytes.append(0x0A)
  }

  /// Adds bytes that are right already.
  mutating func addVerbatim(_ value: ArraySlice<UInt8>) { bytes.append(contentsOf: value) }

  private mutating func begin(_ name: SIPHeaderName) {
    bytes.append(contentsOf: name.text.utf8)
    bytes.append(UInt8(ascii: ":"))
    bytes.append(0x20)
  }

  /// Writes Content-Length, the empty line and the body, and gives the message.
  public consuming func finish(body: ArraySlice<UInt8> = []) -> [UInt8] {
    bytes.append(contentsOf: "Content-Length: ".utf8)
    bytes.append(decimal: UInt64(body.count))
    bytes.append(contentsOf: "\r\n\r\n".utf8)
    bytes.append(contentsOf: body)
    return bytes
  }
}
