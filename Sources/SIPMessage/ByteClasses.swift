/// RFC 3261 section 25.1: the bytes a `token` is made of.
@inline(__always)
func isTokenByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"),
    UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "%"), UInt8(ascii: "*"),
    UInt8(ascii: "_"),
    UInt8(ascii: "+"), UInt8(ascii: "`"), UInt8(ascii: "'"), UInt8(ascii: "~"):
    return true
  default: return false
  }
}

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

@inline(__always)
func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || ((byte | 0x20) &- 0x61 < 26) }

/// Space, tab and the CR LF of a fold. The message parser has made sure that CR and LF stand only in folds.
@inline(__always)
func isLinearWhitespace(_ byte: UInt8) -> Bool {
  byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
}

@inline(__always)
func lowercase(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

/// The value of a hex digit, or nil.
@inline(__always)
func hexValue(_ byte: UInt8) -> UInt8? {
  if isDigit(byte) { return byte &- 0x30 }
  let letter = (byte | 0x20) &- 0x61
  return letter < 6 ? letter &+ 10 : nil
}

/// Reads a decimal number of any length. Values over `UInt64.max` are clamped to it; nil when empty or not all digits.
func decimal(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64? {
  guard !range.isEmpty else { return nil }
  var value: UInt64 = 0
  for index in range {
    let byte = bytes[index]
    guard isDigit(byte) else { return nil }
    let (product, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, carried) = product.addingReportingOverflow(UInt64(byte &- 0x30))
    value = overflow || carried ? .max : sum
  }
  return value
}

/// Compares bytes with ASCII text, letters without case.
func equalsIgnoringCase(_ bytes: [UInt8], _ range: Range<Int>, _ text: String) -> Bool {
  let other = text.utf8
  guard other.count == range.count else { return false }
  var index = range.lowerBound
  for byte in other {
    if lowercase(bytes[index]) != lowercase(byte) { return false }
    index += 1
  }
  return true
}

extension Array where Element == UInt8 {
  /// Appends a decimal number.
  mutating func append(decimal value: UInt64) {
    if value >= 10 { append(decimal: value / 10) }
    append(0x30 &+ UInt8(value % 10))
  }
}

extension ArraySlice where Element == UInt8 {
  /// The bytes as text. Bytes that are not UTF-8 become U+FFFD, so use it to show and not to compare.
  public var text: String { String(decoding: self, as: UTF8.self) }

  /// Whether the bytes are this ASCII text, letters without case.
  public func equalsIgnoringCase(_ text: String) -> Bool {
    let other = text.utf8
    guard other.count == count else { return false }
    for (mine, theirs) in zip(self, other) where lowercase(mine) != lowercase(theirs) { return false }
    return true
  }
}
