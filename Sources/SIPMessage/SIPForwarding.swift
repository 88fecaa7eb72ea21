/// What a proxy changes in a message before it passes it on (RFC 3261 section 16.6 and 16.7), done in one pass over the
/// bytes. All other header fields and the body stay as they came, byte by byte.
public struct SIPForwarding: Sendable, Hashable {
  /// The new Request-URI.
  public var requestURI: [UInt8]?
  /// A Via value to put on top.
  public var via: [UInt8]?
  /// Note in the topmost Via that came where the request came from.
  public var source: SIPSource?
  /// Take the topmost Via off (of a response).
  public var removesTopVia = false
  /// Count Max-Forwards down, or write 70 when there is none.
  public var decrementsMaxForwards = false
  /// Record-Route values to put on top, topmost first.
  public var recordRoutes: [[UInt8]] = []
  /// A Path value to put on top (RFC 3327).
  public var path: [UInt8]?
  /// Route values to put on top, topmost first.
  public var routes: [[UInt8]] = []
  /// How many Route values to take off the top, before `routes` are put on.
  public var removedRoutes = 0
  /// Leave out Proxy-Authorization of this realm: it was for us (RFC 3261 section 22.3). Empty for none.
  public var consumedRealm: [UInt8] = []
  /// Header fields to leave out.
  public var removed: Set<SIPHeaderName> = []
  /// Header lines to add at the end.
  public var added = SIPHeaderBlock()

  /// Makes one that changes nothing.
  public init() {}

  /// Writes the changed message.
  /// - Throws: `tooManyHops` when Max-Forwards was 0, `lineBreak` for a value that would break a line.
  public func apply(to message: SIPMessage) throws(SIPWriteError) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(message.bytes.count + added.bytes.count + 384)
    try appendStartLine(message, to: &result)
    try append(.via, via, to: &result)
    for value in recordRoutes { try append(.recordRoute, value, to: &result) }
    try append(.path, path, to: &result)
    for value in routes { try append(.route, value, to: &result) }
    if decrementsMaxForwards, !message.contains(.maxForwards) {
      try append(.maxForwards, Array("70".utf8), to: &result)
    }
    var isTopVia = true
    var routesToRemove = removedRoutes
    for field in message.fields where !removed.contains(field.name) {
      switch field.name {
      case .via where isTopVia && (removesTopVia || source != nil):
        isTopVia = false
        try appendTopVia(message, field, to: &result)
      case .route where routesToRemove > 0:
        appendRoute(message, field, &routesToRemove, to: &result)
      case .maxForwards where decrementsMaxForwards:
        guard let hops = decimal(message.bytes, field.range), hops <= 255 else {
          throw .malformed(.maxForwards)
        }
        guard hops > 0 else { throw .tooManyHops }
        result.append(contentsOf: "Max-Forwards: ".utf8)
        result.append(decimal: hops - 1)
        result.append(contentsOf: [0x0D, 0x0A])
      case .proxyAuthorization where Self.isOfRealm(message, field, consumedRealm): break
      default:
        appendLine(message, field, to: &result)
      }
    }
    result.append(contentsOf: added.bytes)
    result.append(contentsOf: [0x0D, 0x0A])
    result.append(contentsOf: message.body)
    return result
  }

  private func appendStartLine(_ message: SIPMessage, to result: inout [UInt8]) throws(SIPWriteError) {
    if let requestURI, message.isRequest {
      guard !requestURI.isEmpty, requestURI.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { throw .lineBreak }
      result.append(contentsOf: message.methodBytes)
      result.append(0x20)
      result.append(contentsOf: requestURI)
      result.append(contentsOf: " SIP/2.0".utf8)
    } else {
      // From the method, or the version of a status line, to the line end that is before the first header field.
      var end = message.secondRange.upperBound
      while end < message.bytes.count, message.bytes[end] != 0x0D { end += 1 }
      result.append(contentsOf: message.bytes[message.firstRange.lowerBound..<end])
    }
    result.append(contentsOf: [0x0D, 0x0A])
  }

  private func append(
    _ name: SIPHeaderName,
    _ value: [UInt8]?,
    to result: inout [UInt8]
  ) throws(SIPWriteError) {
    guard let value else { return }
    try SIPHeaderBlock.check(value[...])
    appendField(name.text.utf8, value[...], to: &result)
  }

  private func appendField(
    _ name: some Sequence<UInt8>,
    _ value: ArraySlice<UInt8>,
    to result: inout [UInt8]
  ) {
    result.append(contentsOf: name)
    result.append(contentsOf: [UInt8(ascii: ":"), 0x20])
    result.append(contentsOf: value)
    result.append(contentsOf: [0x0D, 0x0A])
  }

  private func appendLine(_ message: SIPMessage, _ field: SIPMessage.HeaderField, to result: inout [UInt8]) {
    result.append(contentsOf: message.bytes[Int(field.nameStart)..<Int(field.valueEnd)])
    result.append(contentsOf: [0x0D, 0x0A])
  }

  private func appendTopVia(
    _ message: SIPMessage,
    _ field: SIPMessage.HeaderField,
    to result: inout [UInt8]
  ) throws(SIPWriteError) {
    if removesTopVia {
      guard let rest = Self.withoutFirstValue(message, field) else { return }
      appendField(message.bytes[field.nameRange], message.bytes[rest], to: &result)
    } else if let source {
      let value = try message.viaNoting(source, field.range)
      appendField(message.bytes[field.nameRange], value[...], to: &result)
    }
  }

  private func appendRoute(
    _ message: SIPMessage,
    _ field: SIPMessage.HeaderField,
    _ count: inout Int,
    to result: inout [UInt8]
  ) {
    var field = field
    while count > 0 {
      count -= 1
      guard let rest = Self.withoutFirstValue(message, field) else { return }
      field.valueStart = UInt32(truncatingIfNeeded: rest.lowerBound)
    }
    appendField(message.bytes[field.nameRange], message.bytes[field.range], to: &result)
  }

  /// Whether credentials name this realm.
  private static func isOfRealm(_ message: SIPMessage, _ field: SIPMessage.HeaderField, _ realm: [UInt8])
    -> Bool
  {
    guard !realm.isEmpty else { return false }
    var cursor = ByteCursor(message.bytes, field.range)
    guard cursor.token() != nil else { return false }
    while true {
      cursor.skipWhitespace()
      guard let name = cursor.token() else { return false }
      cursor.skipWhitespace()
      guard cursor.take(UInt8(ascii: "=")) else { return false }
      cursor.skipWhitespace()
      guard let value = cursor.quotedString() ?? cursor.token() else { return false }
      if equalsIgnoringCase(message.bytes, name, "realm") {
        return SIPParameters.unquoted(message.bytes[value]) == realm
      }
      cursor.skipWhitespace()
      guard cursor.take(UInt8(ascii: ",")) else { return false }
    }
  }

  /// What is left of a field when its first value is gone; nil when nothing is.
  private static func withoutFirstValue(_ message: SIPMessage, _ field: SIPMessage.HeaderField) -> Range<Int>?
  {
    let range = field.range
    let comments = field.name.mayHaveComments
    let comma = SIPHeaderValues.Iterator.endOfValue(
      message.bytes.span,
      range.lowerBound,
      range.upperBound,
      comments: comments
    )
    guard comma < range.upperBound else { return nil }
    let rest = ByteCursor(message.bytes, (comma + 1)..<range.upperBound).trimmedRest
    return rest.isEmpty ? nil : rest
  }
}
