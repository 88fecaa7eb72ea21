/// An address as in From, To, Contact, Route and Path: display name, URI and header parameters
/// (RFC 3261 section 20.10).
public struct NameAddress: Sendable {
  let bytes: [UInt8]
  let displayRange: Range<Int>
  let uriRange: Range<Int>
  /// Whether the URI stands between `<` and `>`.
  public let isBracketed: Bool
  /// The parameters behind the URI; those of a URI without brackets count as these.
  public let parameters: SIPParameters

  /// Parses one value.
  /// - Throws: `badHeaderValue` with the name given.
  public init(parsing value: ArraySlice<UInt8>, header: SIPHeaderName? = nil) throws(SIPParseError) {
    // A slice of an array keeps the offsets of the array, but not the array: this copies once.
    try self.init(Array(value), 0..<value.count, header: header)
  }

  init(_ bytes: [UInt8], _ range: Range<Int>, header: SIPHeaderName?) throws(SIPParseError) {
    self.bytes = bytes
    var cursor = ByteCursor(bytes, range)
    let bad = SIPParseError(.badHeaderValue, header: header)
    cursor.skipWhitespace()
    let start = cursor.at
    if cursor.current == UInt8(ascii: "\"") {
      guard let quoted = cursor.quotedString() else { throw bad }
      cursor.skipWhitespace()
      guard cursor.current == UInt8(ascii: "<") else { throw bad }
      displayRange = quoted
    } else {
      displayRange = Self.displayName(&cursor)
    }
    if cursor.take(UInt8(ascii: "<")) {
      let uriStart = cursor.at
      while let byte = cursor.current, byte != UInt8(ascii: ">") {
        // White space inside the brackets is an error (RFC 4475 section 3.1.2.14).
        if byte <= 0x20 || byte == 0x7F || byte == UInt8(ascii: "<") { throw bad }
        cursor.at += 1
      }
      uriRange = uriStart..<cursor.at
      guard cursor.take(UInt8(ascii: ">")) else { throw bad }
      isBracketed = true
    } else {
      guard displayRange.isEmpty else { throw bad }
      cursor.at = start
      while let byte = cursor.current, byte != UInt8(ascii: ";"), !isLinearWhitespace(byte) {
        // RFC 3261 section 20: a URI with "?" or "," must have brackets.
        if byte == UInt8(ascii: "?") || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") { throw bad }
        if byte == UInt8(ascii: ">") || byte < 0x20 { throw bad }
        cursor.at += 1
      }
      uriRange = start..<cursor.at
      isBracketed = false
    }
    guard !uriRange.isEmpty else { throw bad }
    parameters = try SIPParameters.parse(&cursor, header: header)
  }

  /// Steps over words up to a `<`. Steps over nothing, and gives an empty range, when there is no `<` behind them.
  private static func displayName(_ cursor: inout ByteCursor) -> Range<Int> {
    let start = cursor.at
    var end = start
    while let byte = cursor.current {
      if byte == UInt8(ascii: "<") { return start..<end }
      // Words are tokens; UTF-8 without quotes is against the grammar but common, and harmless.
      guard isTokenByte(byte) || isLinearWhitespace(byte) || byte >= 0x80 else { break }
      cursor.at += 1
      if !isLinearWhitespace(byte) { end = cursor.at }
    }
    cursor.at = start
    return start..<start
  }

  /// The URI as it came, without brackets.
  public var uriBytes: ArraySlice<UInt8> { bytes[uriRange] }

  /// The URI.
  public var uri: SIPURI {
    get throws(SIPParseError) { try SIPURI(bytes, uriRange) }
  }

  /// The display name without its quotes; empty when there is none.
  public var displayName: [UInt8] { SIPParameters.unquoted(bytes[displayRange]) }

  /// The `tag` parameter.
  public var tag: ArraySlice<UInt8>? { parameters.value("tag") }
}
