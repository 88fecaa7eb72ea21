extension SIPURI {
  /// One parameter or header of a URI.
  struct Component {
    var name: Range<Int>
    var value: Range<Int>?
  }

  /// The parameters (after ";") or headers (after "?" and "&").
  func components(_ range: Range<Int>, _ separator: UInt8) -> [Component] {
    guard !range.isEmpty else { return [] }
    var result: [Component] = []
    for piece in bytes[(range.lowerBound + 1)..<range.upperBound].split(separator: separator) {
      let equals = piece.firstIndex(of: UInt8(ascii: "="))
      result.append(
        Component(
          name: piece.startIndex..<(equals ?? piece.endIndex),
          value: equals.map { ($0 + 1)..<piece.endIndex }
        )
      )
    }
    return result
  }

  /// Whether two URIs are equal by RFC 3261 section 19.1.4. It is not transitive, so there is no `Equatable`.
  ///
  /// URIs of other schemes are equal when their scheme is (without case) and all other bytes are.
  public func isEquivalent(to other: SIPURI) -> Bool {
    guard scheme == other.scheme else { return false }
    // Also what the rules below would not find equal to itself, such as a parameter that stands there twice.
    if bytes[range].elementsEqual(other.bytes[other.range]) { return true }
    guard scheme == .sip || scheme == .sips else {
      return bytes[range.lowerBound..<schemeEnd].map(lowercase)
        == other.bytes[other.range.lowerBound..<other.schemeEnd].map(lowercase)
        && bytes[hostRange] == other.bytes[other.hostRange]
    }
    guard port == other.port, Self.sameHost(self, other),
      Self.sameText(bytes, userRange, other.bytes, other.userRange, ignoringCase: false),
      Self.sameText(bytes, passwordRange, other.bytes, other.passwordRange, ignoringCase: false)
    else { return false }
    return sameParameters(as: other) && sameHeaders(as: other)
  }

  private static func sameHost(_ a: SIPURI, _ b: SIPURI) -> Bool {
    if sameText(a.bytes, a.hostRange, b.bytes, b.hostRange, ignoringCase: true) { return true }
    guard a.host.first == UInt8(ascii: "["), b.host.first == UInt8(ascii: "[") else { return false }
    let left = IPv6Literal(a.bytes, (a.hostRange.lowerBound + 1)..<(a.hostRange.upperBound - 1))
    return left == IPv6Literal(b.bytes, (b.hostRange.lowerBound + 1)..<(b.hostRange.upperBound - 1))
  }

  /// These never match when only one URI has them, whatever their default.
  private static let decisiveParameters = ["user", "ttl", "method", "maddr", "transport"]

  private func sameParameters(as other: SIPURI) -> Bool {
    if parameterRange.isEmpty, other.parameterRange.isEmpty { return true }
    let mine = components(parameterRange, UInt8(ascii: ";"))
    let theirs = other.components(other.parameterRange, UInt8(ascii: ";"))
    for component in mine {
      var isThere = false
      for candidate in theirs
      where Self.sameText(bytes, component.name, other.bytes, candidate.name, ignoringCase: true) {
        isThere = true
        guard Self.sameText(bytes, component.value, other.bytes, candidate.value, ignoringCase: true) else {
          return false
        }
      }
      if !isThere, Self.isDecisive(bytes, component.name) { return false }
    }
    for candidate in theirs where Self.isDecisive(other.bytes, candidate.name) {
      let isThere = mine.contains {
        Self.sameText(bytes, $0.name, other.bytes, candidate.name, ignoringCase: true)
      }
      if !isThere { return false }
    }
    return true
  }

  private static func isDecisive(_ bytes: [UInt8], _ name: Range<Int>) -> Bool {
    decisiveParameters.contains { decodedEquals(bytes, name, $0) }
  }

  /// Headers are never ignored: each must be in both, in any order.
  private func sameHeaders(as other: SIPURI) -> Bool {
    if headerRange.isEmpty, other.headerRange.isEmpty { return true }
    let mine = components(headerRange, UInt8(ascii: "&"))
    var theirs = other.components(other.headerRange, UInt8(ascii: "&"))
    guard mine.count == theirs.count else { return false }
    for component in mine {
      let match = theirs.firstIndex {
        Self.sameText(bytes, component.name, other.bytes, $0.name, ignoringCase: true)
          && Self.sameText(bytes, component.value, other.bytes, $0.value, ignoringCase: true)
      }
      guard let match else { return false }
      theirs.remove(at: match)
    }
    return true
  }

  /// The next byte with its escape undone. A reserved character that was escaped is not the same as one that was not
  /// (RFC 3261 section 19.1.4), so it comes as a value over 255.
  private static func unit(_ bytes: [UInt8], _ at: inout Int, _ end: Int, _ ignoringCase: Bool) -> UInt16 {
    let byte = bytes[at]
    guard byte == UInt8(ascii: "%"), at + 2 < end, let high = hexValue(bytes[at + 1]),
      let low = hexValue(bytes[at + 2])
    else {
      at += 1
      return UInt16(ignoringCase ? lowercase(byte) : byte)
    }
    at += 3
    let decoded = high << 4 | low
    switch decoded {
    case UInt8(ascii: ";"), UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "@"),
      UInt8(ascii: "&"), UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "$"), UInt8(ascii: ","):
      return 256 + UInt16(decoded)
    default: return UInt16(ignoringCase ? lowercase(decoded) : decoded)
    }
  }

  private static func sameText(
    _ a: [UInt8],
    _ aRange: Range<Int>?,
    _ b: [UInt8],
    _ bRange: Range<Int>?,
    ignoringCase: Bool
  ) -> Bool {
    guard let aRange, let bRange else { return aRange == nil && bRange == nil }
    var left = aRange.lowerBound
    var right = bRange.lowerBound
    while left < aRange.upperBound, right < bRange.upperBound {
      if unit(a, &left, aRange.upperBound, ignoringCase) != unit(b, &right, bRange.upperBound, ignoringCase) {
        return false
      }
    }
    return left == aRange.upperBound && right == bRange.upperBound
  }

  /// Whether a name, its escapes undone, is this ASCII text without case.
  static func decodedEquals(_ bytes: [UInt8], _ range: Range<Int>, _ text: String) -> Bool {
    var at = range.lowerBound
    for byte in text.utf8 {
      guard at < range.upperBound else { return false }
      if unit(bytes, &at, range.upperBound, true) != UInt16(lowercase(byte)) { return false }
    }
    return at == range.upperBound
  }
}
