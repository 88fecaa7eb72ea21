import NIOCore
import SIPMessage

/// Writes responses of our own and sends responses back the way their request came (RFC 3261 section 18.2.2, RFC 3581).
final class ResponseWriter {
  private let metrics: FrontEndMetrics
  private let serverLine: String
  private let tagKey: KeyedHash.Key

  init(configuration: FrontEndConfiguration, secret: [UInt8], metrics: FrontEndMetrics) {
    tagKey = KeyedHash.Key(secret: secret, purpose: "tag 1")
    self.metrics = metrics
    serverLine = "Quorate/\(configuration.version)"
  }

  /// A response to a request; `nil` when the request is so broken that it cannot be answered, without a Via say.
  /// - Parameters:
  ///   - reason: the phrase, `nil` for that of the RFC.
  ///   - retryAfter: seconds for Retry-After.
  func response(
    _ status: Int,
    _ reason: String? = nil,
    to message: SIPMessage,
    from source: MessageSource,
    retryAfter: UInt64? = nil,
    headers: SIPHeaderBlock = SIPHeaderBlock()
  ) -> [UInt8]? {
    guard message.contains(.via) else { return nil }
    var headers = headers
    do throws(SIPWriteError) {
      if let retryAfter { headers.add(.retryAfter, retryAfter) }
      try headers.add(.server, serverLine)
      return try message.response(
        status: status,
        reason: reason,
        toTag: status == 100 ? nil : message.statelessToTag(key: tagKey),
        source: SIPSource(address: source.address.text, port: source.port),
        headers: headers
      )
    } catch {
      return nil
    }
  }

  /// Sends a response to the request `message` back to where that came from.
  func send(_ response: [UInt8], to message: SIPMessage, from source: MessageSource) {
    metrics.response(Self.status(of: response))
    let sent: Bool
    switch source.way {
    case .stream(let flow):
      sent = flow.send(ByteBuffer(bytes: response))
    case .datagram(let port):
      guard let remote = Self.destination(of: message, from: source) else {
        return metrics.dropped(.unsendable)
      }
      sent = port.send(response, to: remote)
    case .peer:
      sent = false
    }
    if !sent { metrics.dropped(.unsendable) }
  }

  /// Where a response over UDP goes: to the port that the request came from if its Via asks for that, else to the port
  /// of its Via; always to the address it came from, so that nobody can have answers sent to others. A Via that cannot be
  /// read, or has the port 0, says nothing: then it is the port that the request came from. Without a Via there is no answer.
  static func destination(of message: SIPMessage, from source: MessageSource) -> SocketAddress? {
    var port = source.answerPort
    if port == 0 {
      do throws(SIPParseError) {
        port = answerPort(try message.topVia, source)
      } catch {
        guard message.contains(.via) else { return nil }
        port = source.port
      }
    }
    if port == source.port, let remote = source.remote { return remote }
    return source.address.socketAddress(port: Int(port))
  }

  /// The port that a Via asks an answer over UDP to be sent to; never 0.
  static func answerPort(_ via: Via, _ source: MessageSource) -> UInt16 {
    guard via.rport == .absent, via.port != 0 else { return source.port }
    return via.port ?? 5_060
  }

  /// The status code of a response as it is on the wire.
  static func status(of response: [UInt8]) -> Int {
    guard response.count > 11 else { return 0 }
    return response[8..<11].reduce(0) { $0 * 10 + Int($1 &- 0x30) }
  }
}
