/// A SIP message: its bytes and an index of its header fields. Nothing is copied out and nothing is changed until asked.
///
/// Parsing checks what is needed to find the header fields and the body (RFC 3261 section 7). Values are parsed by the
/// typed accessors, on demand, so a message with an odd value in a header field nobody reads is no error here.
public struct SIPMessage: Sendable {
  /// The message as it came, without what a datagram carried after its body.
  public let bytes: [UInt8]
  /// Whether it is a request.
  public let isRequest: Bool
  /// The method of a request; of a response `.other`.
  public let method: SIPMethod
  /// The status code of a response, 100...699; of a request 0.
  public let status: Int
  /// Whether the version is SIP/2.0. When not, answer 505.
  public let hasSupportedVersion: Bool
  /// Where the body is in `bytes`.
  public let bodyRange: Range<Int>

  /// Method, or the version of a status line.
  let firstRange: Range<Int>
  /// Request-URI, or reason phrase.
  let secondRange: Range<Int>
  let fields: ContiguousArray<HeaderField>
  /// Where the header fields end: the offset of the empty line.
  let headersEnd: Int

  /// One header field. 16 bytes, so that the index of a usual message is one small allocation.
  struct HeaderField {
    var nameStart: UInt32
    var nameLength: UInt16
    var name: SIPHeaderName
    var valueStart: UInt32
    var valueEnd: UInt32

    var nameRange: Range<Int> { Int(nameStart)..<(Int(nameStart) &+ Int(nameLength)) }
    var range: Range<Int> { Int(valueStart)..<Int(valueEnd) }
  }

  /// Parses one message.
  /// - Parameters:
  ///   - bytes: one datagram, or one message from `SIPStreamFramer`. Bytes after the body of a datagram are cut off
  ///     (RFC 3261 section 18.3).
  ///   - limits: what to refuse.
  /// - Throws: `SIPParseError`. When its `status` is set, `init(salvaging:)` may still give enough to answer.
  public init(parsing bytes: [UInt8], limits: SIPLimits = .datagram) throws(SIPParseError) {
    guard bytes.count <= limits.messageBytes else { throw SIPParseError(.messageTooLarge, status: 513) }
    var parser = SIPMessageParser(limits: limits, isSalvaging: false)
    try parser.parse(bytes.span)
    self.init(parser, bytes)
  }

  /// Reads what can be read of a request that `init(parsing:)` refused, so that it can be answered: header lines that
  /// are none are skipped and no body is taken. Not for anything but writing that answer.
  /// - Returns: nil when there is no request, no Via to answer to, or it is an ACK, which is never answered.
  public init?(salvaging bytes: [UInt8]) {
    var parser = SIPMessageParser(limits: .datagram, isSalvaging: true)
    let head = bytes.count <= 65_536 ? bytes : Array(bytes.prefix(65_536))
    do throws(SIPParseError) {
      try parser.parse(head.span)
    } catch {
      return nil
    }
    self.init(parser, head)
    guard isRequest, method != .ack, fields.contains(where: { $0.name == .via }) else { return nil }
  }

  private init(_ parser: SIPMessageParser, _ bytes: [UInt8]) {
    isRequest = parser.isRequest
    method = parser.isRequest ? SIPMethod(bytes, parser.first) : .other
    status = parser.status
    hasSupportedVersion = parser.hasSupportedVersion
    bodyRange = parser.body
    firstRange = parser.first
    secondRange = parser.second
    fields = parser.fields
    headersEnd = parser.headersEnd
    self.bytes = parser.body.upperBound < bytes.count ? Array(bytes[..<parser.body.upperBound]) : bytes
  }

  /// The method of a request as it came; empty for a response.
  public var methodBytes: ArraySlice<UInt8> { isRequest ? bytes[firstRange] : [] }

  /// The Request-URI as it came; empty for a response.
  public var requestURIBytes: ArraySlice<UInt8> { isRequest ? bytes[secondRange] : [] }

  /// The Request-URI.
  public var requestURI: SIPURI {
    get throws(SIPParseError) { try SIPURI(bytes, isRequest ? secondRange : 0..<0) }
  }

  /// The reason phrase of a response; empty for a request. May be any UTF-8, and may be empty.
  public var reasonBytes: ArraySlice<UInt8> { isRequest ? [] : bytes[secondRange] }

  /// The body.
  public var body: ArraySlice<UInt8> { bytes[bodyRange] }
}
