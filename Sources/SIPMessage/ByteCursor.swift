/// A place in a piece of a message, and the small steps that all value parsers share.
struct ByteCursor {
  let bytes: [UInt8]
  var at: Int
  let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    at = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { at >= end }

  var current: UInt8? { at < end ? bytes[at] : nil }

  mutating func skipWhitespace() {
    while at < end, isLinearWhitespace(bytes[at]) { at += 1 }
  }

  /// Steps over `byte` if it is next.
  mutating func take(_ byte: UInt8) -> Bool {
    guard at < end, bytes[at] == byte else { return false }
    at += 1
    return true
  }

  /// Takes one or more token bytes.
  mutating func token() -> Range<Int>? {
    let start = at
    while at < end, isTokenByte(bytes[at]) { at += 1 }
    return at > start ? start..<at : nil
  }

  /// Takes a quoted string, quotes included; nil (and no step) when it is not closed.
  mutating func quotedString() -> Range<Int>? {
    guard at < end, bytes[at] == UInt8(ascii: "\"") else { return nil }
    var index = at + 1
    while index < end {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\\") {
        index += 2
        continue
      }
      index += 1
      if byte == UInt8(ascii: "\"") {
        let range = at..<index
        at = index
        return range
      }
    }
    return nil
  }

  /// The rest without white space at either end.
  var trimmedRest: Range<Int> {
    var low = at
    var high = end
    while low < high, isLinearWhitespace(bytes[low]) { low += 1 }
    while high > low, isLinearWhitespace(bytes[high - 1]) { high -= 1 }
    return low..<high
  }
}
