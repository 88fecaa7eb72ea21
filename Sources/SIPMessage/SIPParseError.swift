/// Why bytes are not the SIP message, or the value, that was asked for.
public struct SIPParseError: Error, Hashable, Sendable {
  /// What is wrong.
  public enum Reason: String, Hashable, Sendable {
    /// Nothing here but line ends.
    case empty = "no message"
    /// The first line is neither a request line nor a status line.
    case badStartLine = "Bad Start Line"
    /// The start line is over the limit.
    case startLineTooLong = "Request-URI Too Long"
    /// A status line that no client could act on.
    case badStatusLine = "bad status line"
    /// A line that is not a header field, or a CR or LF that stands alone.
    case badHeaderLine = "Bad Header Field"
    /// The header section has no end.
    case unterminated = "Header Section Not Ended"
    /// More header fields than the limit.
    case tooManyHeaders = "Too Many Header Fields"
    /// One header field over the limit.
    case headerTooLong = "Header Field Too Long"
    /// Message over the limit.
    case messageTooLarge = "Message Too Large"
    /// Content-Length is not a number, stands there twice, or is more than what came.
    case badContentLength = "Bad Content-Length"
    /// No Content-Length on a stream, where it is the framing.
    case missingContentLength = "Missing Content-Length"
    /// A mandatory header field is not there.
    case missingHeader = "Missing Header Field"
    /// A header field that may stand once stands there twice.
    case duplicateHeader = "Duplicate Header Field"
    /// The value of a header field does not follow its grammar.
    case badHeaderValue = "Bad Header Value"
    /// A URI that does not follow its grammar.
    case badURI = "Bad URI"
  }

  /// What is wrong.
  public var reason: Reason
  /// The header field it is about, where there is one.
  public var header: SIPHeaderName?
  /// The status a server should answer the request with; nil when it should be dropped without an answer.
  public var status: Int?

  /// Makes an error.
  public init(_ reason: Reason, header: SIPHeaderName? = nil, status: Int? = 400) {
    self.reason = reason
    self.header = header
    self.status = status
  }

  /// A reason phrase that names the header field, as RFC 3261 section 21.4.1 asks of a 400.
  public var reasonPhrase: String {
    guard let header, header != .other else { return reason.rawValue }
    return "\(reason.rawValue): \(header.text)"
  }
}
