/// Cuts a TCP or TLS stream into messages by Content-Length (RFC 3261 section 18.3), and sees the keep-alives of
/// RFC 5626 section 3.5.1. Each byte is looked at a fixed number of times, however the stream is cut into reads.
///
/// After each `append`, call `next()` until it gives nil: the memory held is then under one message. The shell adds the
/// time limit for a peer that sends too slowly.
public struct SIPStreamFramer: Sendable {
  /// What the stream had next.
  public enum Element: Sendable, Hashable {
    /// One whole message, for `SIPMessage(parsing:limits:)`.
    case message([UInt8])
    /// CRLF CRLF between messages: answer with CRLF.
    case keepAlivePing
    /// One CRLF between messages.
    case keepAlivePong
  }

  private let limits: SIPLimits
  private let expectsPongs: Bool
  private var buffer: [UInt8] = []
  /// Start of what was not given out yet.
  private var head = 0
  /// How far the search for the empty line has come.
  private var scanned = 0
  /// Length of header section and of the whole message, once the empty line was found.
  private var sectionEnd: Int?
  private var messageEnd = 0
  private var failure: SIPParseError?

  /// Makes a framer.
  /// - Parameters:
  ///   - limits: `messageBytes`, `startLineBytes` and `headerSectionBytes` count.
  ///   - expectsPongs: true at the side that sends pings: a CRLF is then given at once as a pong. When false, a CRLF
  ///     waits for the next two bytes, which may make it a ping.
  public init(limits: SIPLimits = .stream, expectsPongs: Bool = false) {
    self.limits = limits
    self.expectsPongs = expectsPongs
  }

  /// How many bytes wait for more. Zero between messages.
  public var pendingBytes: Int { buffer.count - head }

  /// After an error: the header section that could not be framed, for `SIPMessage(salvaging:)`.
  public var unframed: [UInt8] { Array(buffer[head...].prefix(limits.headerSectionBytes)) }

  /// Takes what was read.
  public mutating func append(_ bytes: some Sequence<UInt8>) {
    guard failure == nil else { return }
    if head > 0, head == buffer.count {
      buffer.removeAll(keepingCapacity: buffer.capacity <= 16_384)
      scanned = 0
      head = 0
    } else if head > 4_096, head > buffer.count / 2 {
      // Moving the rest costs no more than what was given out since the last move.
      buffer.removeSubrange(..<head)
      scanned -= head
      if let end = sectionEnd { sectionEnd = end - head }
      if messageEnd > 0 { messageEnd -= head }
      head = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next element, or nil when more bytes are needed.
  /// - Throws: when the framing is lost; answer `status` if it is set, then close. Every later call throws the same.
  public mutating func next() throws(SIPParseError) -> Element? {
    if let failure { throw failure }
    do throws(SIPParseError) {
      return try advance()
    } catch {
      failure = error
      throw error
    }
  }

  private mutating func advance() throws(SIPParseError) -> Element? {
    if sectionEnd == nil {
      if let keepAlive = takeLineEnds() { return keepAlive }
      guard head < buffer.count, !isPartOfLineEnds else { return nil }
      try findSectionEnd()
    }
    guard let end = sectionEnd else { return nil }
    if messageEnd == 0 {
      let length = try contentLength(end)
      guard length <= UInt64(max(0, limits.messageBytes - (end - head))) else {
        throw SIPParseError(.messageTooLarge, status: 513)
      }
      messageEnd = end + Int(length)
    }
    guard buffer.count >= messageEnd else { return nil }
    let message = Array(buffer[head..<messageEnd])
    head = messageEnd
    scanned = head
    sectionEnd = nil
    messageEnd = 0
    return .message(message)
  }

  /// CR, or CR LF, or CR LF CR with nothing behind it: too early to say what it is.
  private var isPartOfLineEnds: Bool {
    let rest = buffer.count - head
    guard rest < 4, buffer[head] == 0x0D else { return false }
    if rest > 1, buffer[head + 1] != 0x0A { return false }
    if rest > 2, buffer[head + 2] != 0x0D { return false }
    return true
  }

  private mutating func takeLineEnds() -> Element? {
    let rest = buffer.count - head
    guard rest >= 2, buffer[head] == 0x0D, buffer[head + 1] == 0x0A else { return nil }
    if !expectsPongs {
      if rest >= 4, buffer[head + 2] == 0x0D, buffer[head + 3] == 0x0A {
        head += 4
        scanned = head
        return .keepAlivePing
      }
      if rest == 2 || (rest == 3 && buffer[head + 2] == 0x0D) { return nil }
    }
    head += 2
    scanned = head
    return .keepAlivePong
  }

  private mutating func findSectionEnd() throws(SIPParseError) {
    let (at, isFound) = emptyLineEnd(from: max(scanned, head))
    scanned = at
    if isFound { sectionEnd = at }
    let size = at - head
    guard size <= limits.headerSectionBytes, size <= limits.messageBytes else {
      throw SIPParseError(.messageTooLarge, status: 513)
    }
  }

  /// Looks at every line feed from here on: does an empty line end there?
  private func emptyLineEnd(from start: Int) -> (Int, Bool) {
    let bytes = buffer.span
    var at = start
    while at < bytes.count {
      if bytes[at] == 0x0A, at >= head + 3, bytes[at - 1] == 0x0D, bytes[at - 2] == 0x0A,
        bytes[at - 3] == 0x0D
      {
        return (at + 1, true)
      }
      at += 1
    }
    return (at, false)
  }

  /// Content-Length of the section, found line by line. Folds of other header fields begin with white space and are
  /// no names; the value itself is read over a fold.
  private func contentLength(_ end: Int) throws(SIPParseError) -> UInt64 {
    let bytes = buffer.span
    var found: UInt64?
    var at = head
    while at < end {
      var lineEnd = at
      while lineEnd < end, bytes[lineEnd] != 0x0A { lineEnd += 1 }
      lineEnd += 1
      while lineEnd < end, bytes[lineEnd] == 0x20 || bytes[lineEnd] == 0x09 {
        while lineEnd < end, bytes[lineEnd] != 0x0A { lineEnd += 1 }
        lineEnd += 1
      }
      let stop = min(lineEnd, end)
      if let value = Self.contentLengthValue(bytes, at, stop) {
        guard found == nil, let length = clampedDecimal(bytes, value) else {
          throw SIPParseError(.badContentLength, header: .contentLength)
        }
        found = length
      }
      at = stop
    }
    guard let found else { throw SIPParseError(.missingContentLength, header: .contentLength) }
    return found
  }

  /// The trimmed value when this line is Content-Length or l.
  private static func contentLengthValue(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> Range<
    Int
  >? {
    guard start < end else { return nil }
    switch bytes[start] | 0x20 {
    case UInt8(ascii: "c"), UInt8(ascii: "l"): break
    default: return nil
    }
    var at = start
    while at < end, isTokenByte(bytes[at]) { at += 1 }
    guard SIPHeaderName(bytes, start, at) == .contentLength else { return nil }
    while at < end, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
    guard at < end, bytes[at] == UInt8(ascii: ":") else { return nil }
    at += 1
    var high = end
    while at < high, isLinearWhitespace(bytes[at]) { at += 1 }
    while high > at, isLinearWhitespace(bytes[high - 1]) { high -= 1 }
    return at..<high
  }
}
