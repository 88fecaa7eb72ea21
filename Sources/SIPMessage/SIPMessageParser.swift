/// Finds the start line, the header fields and the body of one message, over a span of its bytes.
struct SIPMessageParser {
  let limits: SIPLimits
  /// Skip what is wrong, to be able to answer it.
  let isSalvaging: Bool

  var isRequest = false
  var status = 0
  var hasSupportedVersion = true
  var first = 0..<0
  var second = 0..<0
  var body = 0..<0
  var headersEnd = 0
  var fields: ContiguousArray<SIPMessage.HeaderField> = []
  private var contentLength: UInt64?

  init(limits: SIPLimits, isSalvaging: Bool) {
    self.limits = limits
    self.isSalvaging = isSalvaging
  }

  mutating func parse(_ bytes: borrowing Span<UInt8>) throws(SIPParseError) {
    var at = 0
    // RFC 3261 section 7.5: line ends before the start line are ignored.
    while at + 1 < bytes.count, bytes[at] == 0x0D, bytes[at + 1] == 0x0A { at += 2 }
    guard at < bytes.count else { throw SIPParseError(.empty, status: nil) }
    at = try parseStartLine(bytes, at)
    fields.reserveCapacity(16)
    while true {
      guard at < bytes.count else {
        if isSalvaging { break }
        throw SIPParseError(.unterminated, status: isRequest ? 400 : nil)
      }
      if bytes[at] == 0x0D, at + 1 < bytes.count, bytes[at + 1] == 0x0A { break }
      at = try parseHeader(bytes, at)
    }
    headersEnd = at
    try findBody(bytes, at)
  }

  // MARK: - Start line

  private mutating func parseStartLine(_ bytes: borrowing Span<UInt8>, _ start: Int) throws(SIPParseError)
    -> Int
  {
    var end = start
    while end < bytes.count, bytes[end] != 0x0D, bytes[end] != 0x0A { end += 1 }
    let isStatusLine = end - start >= 4 && Self.isSIPSlash(bytes, start)
    guard end - start <= limits.startLineBytes || isSalvaging else {
      throw SIPParseError(.startLineTooLong, status: isStatusLine ? nil : 414)
    }
    guard end + 1 < bytes.count, bytes[end] == 0x0D, bytes[end + 1] == 0x0A else {
      throw SIPParseError(.badStartLine, status: nil)
    }
    if isStatusLine {
      try parseStatusLine(bytes, start, end)
    } else {
      try parseRequestLine(bytes, start, end)
    }
    return end + 2
  }

  private mutating func parseRequestLine(
    _ bytes: borrowing Span<UInt8>,
    _ start: Int,
    _ end: Int
  ) throws(SIPParseError) {
    isRequest = true
    var at = start
    while at < end, isTokenByte(bytes[at]) { at += 1 }
    guard at > start, at < end, bytes[at] == 0x20 else { throw SIPParseError(.badStartLine, status: nil) }
    first = start..<at
    // The version is what follows the last space. Trailing white space is wrong, but a request that can be answered.
    var last = end
    while last > at, bytes[last - 1] == 0x20 || bytes[last - 1] == 0x09 { last -= 1 }
    var version = last
    while version > at + 1, bytes[version - 1] != 0x20 { version -= 1 }
    guard let isTwo = Self.version(bytes, version, last) else {
      throw SIPParseError(.badStartLine, status: nil)
    }
    hasSupportedVersion = isTwo
    let uri = (at + 1)..<max(at + 1, version - 1)
    second = uri
    if isSalvaging { return }
    guard last == end, !uri.isEmpty else { throw SIPParseError(.badStartLine) }
    for index in uri where bytes[index] <= 0x20 || bytes[index] == 0x7F { throw SIPParseError(.badStartLine) }
  }

  private mutating func parseStatusLine(
    _ bytes: borrowing Span<UInt8>,
    _ start: Int,
    _ end: Int
  ) throws(SIPParseError) {
    var at = start
    while at < end, bytes[at] != 0x20 { at += 1 }
    guard Self.version(bytes, start, at) == true, at + 4 <= end else {
      throw SIPParseError(.badStatusLine, status: nil)
    }
    first = start..<at
    for index in (at + 1)...(at + 3) {
      guard isDigit(bytes[index]) else { throw SIPParseError(.badStatusLine, status: nil) }
      status = status * 10 + Int(bytes[index] &- 0x30)
    }
    // "SIP/2.0 100 " without a reason phrase is right; without the space too many send it to refuse it.
    guard status >= 100, status <= 699, at + 4 == end || bytes[at + 4] == 0x20 else {
      throw SIPParseError(.badStatusLine, status: nil)
    }
    second = min(at + 5, end)..<end
  }

  private static func isSIPSlash(_ bytes: borrowing Span<UInt8>, _ at: Int) -> Bool {
    bytes[at] | 0x20 == UInt8(ascii: "s") && bytes[at + 1] | 0x20 == UInt8(ascii: "i")
      && bytes[at + 2] | 0x20 == UInt8(ascii: "p") && bytes[at + 3] == UInt8(ascii: "/")
  }

  /// True for SIP/2.0, false for another version of SIP, nil for anything else.
  private static func version(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> Bool? {
    guard end - start >= 7, end - start <= 32, isSIPSlash(bytes, start) else { return nil }
    var dots = 0
    for index in (start + 4)..<end {
      if bytes[index] == UInt8(ascii: ".") {
        dots += 1
      } else if !isDigit(bytes[index]) {
        return nil
      }
    }
    guard dots == 1, isDigit(bytes[start + 4]), isDigit(bytes[end - 1]) else { return nil }
    return end - start == 7 && bytes[start + 4] == UInt8(ascii: "2") && bytes[end - 1] == UInt8(ascii: "0")
  }

  // MARK: - Header fields

  private mutating func parseHeader(_ bytes: borrowing Span<UInt8>, _ start: Int) throws(SIPParseError) -> Int
  {
    var at = start
    while at < bytes.count, isTokenByte(bytes[at]) { at += 1 }
    let nameEnd = at
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
    var isField = nameEnd > start && at < bytes.count && bytes[at] == UInt8(ascii: ":")
    at += isField ? 1 : 0
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
    var low = at
    var high = at
    // To the line end that no white space follows; a fold is part of the value.
    while true {
      while at < bytes.count, bytes[at] != 0x0D, bytes[at] != 0x0A { at += 1 }
      high = at
      guard at + 1 < bytes.count else {
        isField = false
        at = bytes.count
        break
      }
      let isLineEnd = bytes[at] == 0x0D && bytes[at + 1] == 0x0A
      at += isLineEnd ? 2 : 1
      if !isLineEnd {
        // A CR or LF alone: others may see a line end there, so passing it on would smuggle a header field.
        isField = false
        if !isSalvaging { throw SIPParseError(.badHeaderLine, status: isRequest ? 400 : nil) }
        continue
      }
      if at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 { continue }
      break
    }
    guard isField else {
      if isSalvaging { return at }
      throw SIPParseError(at >= bytes.count ? .unterminated : .badHeaderLine, status: isRequest ? 400 : nil)
    }
    while low < high, isLinearWhitespace(bytes[low]) { low += 1 }
    while high > low, isLinearWhitespace(bytes[high - 1]) { high -= 1 }
    try addField(bytes, start, nameEnd, low..<high)
    return at
  }

  private mutating func addField(
    _ bytes: borrowing Span<UInt8>,
    _ nameStart: Int,
    _ nameEnd: Int,
    _ value: Range<Int>
  ) throws(SIPParseError) {
    let status = isRequest ? 513 : nil
    guard value.upperBound - nameStart <= limits.headerBytes, nameEnd - nameStart <= Int(UInt16.max) else {
      if isSalvaging { return }
      throw SIPParseError(.headerTooLong, status: status)
    }
    guard fields.count < limits.headerCount else {
      if isSalvaging { return }
      throw SIPParseError(.tooManyHeaders, status: status)
    }
    let name = SIPHeaderName(bytes, nameStart, nameEnd)
    if name == .contentLength, !isSalvaging { try noteContentLength(bytes, value) }
    fields.append(
      SIPMessage.HeaderField(
        nameStart: UInt32(truncatingIfNeeded: nameStart),
        nameLength: UInt16(truncatingIfNeeded: nameEnd - nameStart),
        name: name,
        valueStart: UInt32(truncatingIfNeeded: value.lowerBound),
        valueEnd: UInt32(truncatingIfNeeded: value.upperBound)
      )
    )
  }

  private mutating func noteContentLength(
    _ bytes: borrowing Span<UInt8>,
    _ value: Range<Int>
  ) throws(SIPParseError) {
    guard contentLength == nil, let length = clampedDecimal(bytes, value) else {
      throw SIPParseError(.badContentLength, header: .contentLength, status: isRequest ? 400 : nil)
    }
    contentLength = length
  }

  private mutating func findBody(_ bytes: borrowing Span<UInt8>, _ at: Int) throws(SIPParseError) {
    let start = min(at + 2, bytes.count)
    let available = bytes.count - start
    guard !isSalvaging else {
      body = start..<start
      return
    }
    guard let contentLength else {
      body = start..<bytes.count
      return
    }
    guard contentLength <= UInt64(available) else {
      throw SIPParseError(.badContentLength, header: .contentLength, status: isRequest ? 400 : nil)
    }
    body = start..<(start + Int(contentLength))
  }
}

/// Digits of any length, clamped to `UInt64.max`; nil when empty or not all digits.
func clampedDecimal(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt64? {
  guard !range.isEmpty else { return nil }
  var value: UInt64 = 0
  for index in range {
    guard isDigit(bytes[index]) else { return nil }
    let (product, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, carried) = product.addingReportingOverflow(UInt64(bytes[index] &- 0x30))
    value = overflow || carried ? .max : sum
  }
  return value
}
