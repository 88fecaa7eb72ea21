/// Host and port as URIs and Via share them.
enum HostGrammar {
  /// Takes a host name, an IPv4 address or an IPv6 literal in brackets.
  static func host(_ cursor: inout ByteCursor) -> Range<Int>? {
    let start = cursor.at
    if cursor.take(UInt8(ascii: "[")) {
      while let byte = cursor.current,
        hexValue(byte) != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
      {
        cursor.at += 1
      }
      // Two colons at least, and no longer than an address with an IPv4 tail can be.
      let inner = (start + 1)..<cursor.at
      guard cursor.take(UInt8(ascii: "]")), IPv6Literal(cursor.bytes, inner) != nil else {
        cursor.at = start
        return nil
      }
      return start..<cursor.at
    }
    // Underscores are against RFC 3261, but host names in private networks have them.
    while let byte = cursor.current,
      isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        || byte == UInt8(ascii: "_")
    {
      cursor.at += 1
    }
    guard cursor.at > start, cursor.at - start <= 255 else {
      cursor.at = start
      return nil
    }
    return start..<cursor.at
  }

  /// Takes a port, 0...65535, with any number of leading zeros.
  static func port(_ cursor: inout ByteCursor) -> UInt16? {
    let start = cursor.at
    while let byte = cursor.current, isDigit(byte) { cursor.at += 1 }
    guard let value = decimal(cursor.bytes, start..<cursor.at), value <= 65_535 else { return nil }
    return UInt16(value)
  }
}

/// The value of an IPv6 literal, so that two spellings of one address compare equal.
struct IPv6Literal: Hashable, Sendable {
  private(set) var groups: [UInt16] = []

  /// Reads the text between the brackets. Takes `:::` before an IPv4 tail too, which the grammar of RFC 3261 allowed
  /// by mistake (RFC 5118 section 4.10).
  init?(_ bytes: [UInt8], _ range: Range<Int>) {
    guard range.count >= 2, range.count <= 46 else { return nil }
    var gap: Int?
    var at = range.lowerBound
    let end = range.upperBound
    if bytes[at] == UInt8(ascii: ":") {
      guard bytes[at + 1] == UInt8(ascii: ":") else { return nil }
      gap = 0
      at += 2
    }
    while at < end {
      let start = at
      var value: UInt32 = 0
      while at < end, let digit = hexValue(bytes[at]), at - start < 4 {
        value = value << 4 | UInt32(digit)
        at += 1
      }
      if at < end, bytes[at] == UInt8(ascii: ".") {
        guard let tail = Self.ipv4(bytes, start..<end) else { return nil }
        groups.append(UInt16(truncatingIfNeeded: tail >> 16))
        groups.append(UInt16(truncatingIfNeeded: tail))
        at = end
        break
      }
      guard at > start else { return nil }
      groups.append(UInt16(truncatingIfNeeded: value))
      if at == end { break }
      guard bytes[at] == UInt8(ascii: ":"), at + 1 < end else { return nil }
      at += 1
      if bytes[at] == UInt8(ascii: ":") {
        guard gap == nil else { return nil }
        gap = groups.count
        at += 1
        if at < end, bytes[at] == UInt8(ascii: ":"), Self.ipv4(bytes, (at + 1)..<end) != nil { at += 1 }
      }
    }
    if let gap {
      guard groups.count <= 7 else { return nil }
      groups.insert(contentsOf: Array(repeating: 0, count: 8 - groups.count), at: gap)
    }
    guard groups.count == 8 else { return nil }
  }

  private static func ipv4(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32? {
    var result: UInt32 = 0
    var parts = 0
    var at = range.lowerBound
    while at < range.upperBound {
      let start = at
      while at < range.upperBound, isDigit(bytes[at]) { at += 1 }
      guard at - start <= 3, let value = decimal(bytes, start..<at), value <= 255 else { return nil }
      result = result << 8 | UInt32(value)
      parts += 1
      if at == range.upperBound { break }
      guard bytes[at] == UInt8(ascii: "."), parts < 4, at + 1 < range.upperBound else { return nil }
      at += 1
    }
    return parts == 4 ? result : nil
  }
}
