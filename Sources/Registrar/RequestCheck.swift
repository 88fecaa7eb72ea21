import SIPMessage

/// What every request is asked before anything else is done with it (RFC 3261 sections 8.2 and 16.3).
public struct RequestCheck: Sendable {
  /// What becomes of the request when it passes.
  public enum Purpose: Sendable, Hashable {
    /// We answer it ourselves: REGISTER, OPTIONS to us. `allowed` are the methods that we answer.
    case answer(allowed: [SIPMethod])
    /// We pass it on: any method, but hops and Proxy-Require count.
    case forward
  }

  /// What to do.
  public enum Outcome: Sendable, Hashable {
    /// Go on.
    case passed
    /// Answer this.
    case refused(RegistrarReply)
    /// An ACK that is wrong: nothing is answered to an ACK.
    case dropped
  }

  /// The one type of a body that we can do without having read it, and its encoding: for Accept and Accept-Encoding.
  public static let bodyType = "application/sdp"
  /// See `bodyType`.
  public static let bodyEncoding = "identity"

  /// The option tags that Require and Proxy-Require may name.
  public var supportedOptions: [String]
  /// The key that To tags are made with.
  public var tagKey: KeyedHash.Key

  /// Makes a check.
  public init(supportedOptions: [String] = ["path", "outbound"], tagKey: KeyedHash.Key) {
    self.supportedOptions = supportedOptions
    self.tagKey = tagKey
  }

  /// Checks a request.
  /// - Parameters:
  ///   - request: the request.
  ///   - purpose: what it is for.
  ///   - hasLooped: whether our own Via with the same `loopHash` is already in it.
  public func outcome(of request: SIPMessage, for purpose: Purpose, hasLooped: Bool = false) -> Outcome {
    do throws(RegistrarReply) {
      try checkSyntax(request)
      try check(request, purpose, hasLooped)
      return .passed
    } catch {
      return request.method == .ack ? .dropped : .refused(error)
    }
  }

  /// Version, and the header fields that every request must have.
  private func checkSyntax(_ request: SIPMessage) throws(RegistrarReply) {
    guard request.hasSupportedVersion else { throw refusal(505, request) }
    do throws(SIPParseError) {
      _ = try request.topVia
      _ = try request.callID
      _ = try request.from
      _ = try request.to
      guard try request.cseqMatchesMethod else { throw SIPParseError(.badHeaderValue, header: .cseq) }
      _ = try request.maxForwards
      for name in [SIPHeaderName.contentType, .expires, .minExpires, .contentLength, .event] {
        _ = try request.optionalValue(name)
      }
    } catch {
      throw refusal(error.status ?? 400, request, error.reasonPhrase)
    }
    let uri: SIPURI
    do throws(SIPParseError) {
      uri = try request.requestURI
    } catch {
      throw refusal(400, request, "Bad Request-URI")
    }
    switch uri.scheme {
    case .sip, .sips: break
    case .tel, .other: throw refusal(416, request)
    }
    // RFC 3261 section 19.1.1: no headers in a Request-URI (RFC 4475 section 3.1.2.11).
    guard uri.headers.isEmpty else { throw refusal(400, request, "Headers In Request-URI") }
  }

  private func check(_ request: SIPMessage, _ purpose: Purpose, _ hasLooped: Bool) throws(RegistrarReply) {
    switch purpose {
    case .answer(let allowed):
      guard allowed.contains(request.method) else {
        var reply = refusal(request.method == .other ? 501 : 405, request)
        reply.add(.allow, allowed.map(\.rawValue).joined(separator: ", "))
        throw reply
      }
      // RFC 3261 section 8.2.2.3: Require in CANCEL and ACK is ignored.
      guard request.method != .cancel, request.method != .ack else { return }
      try checkOptions(request.requires, request)
      if !request.body.isEmpty { try checkBody(request) }
    case .forward:
      do throws(SIPParseError) {
        guard try request.maxForwards != 0 else { throw SIPParseError(.badHeaderValue, status: 483) }
      } catch {
        throw refusal(error.status ?? 400, request)
      }
      if hasLooped { throw refusal(482, request) }
      try checkOptions(request.proxyRequires, request)
    }
  }

  /// RFC 3261 section 8.2.3: a body that is not understood is refused, unless its sender says that it may be ignored.
  private func checkBody(_ request: SIPMessage) throws(RegistrarReply) {
    let encodings = request.values(of: .contentEncoding)
    if encodings.contains(where: { !$0.equalsIgnoringCase(Self.bodyEncoding) }) {
      var reply = refusal(415, request)
      reply.add(.acceptEncoding, Self.bodyEncoding)
      throw reply
    }
    guard let type = request.header(.contentType) else { return }
    let name = type.prefix { $0 != UInt8(ascii: ";") && $0 > 0x20 }
    if name.equalsIgnoringCase(Self.bodyType) { return }
    let disposition = (request.header(.contentDisposition) ?? []).text.lowercased()
    if disposition.filter({ $0 != " " }).contains("handling=optional") { return }
    var reply = refusal(415, request)
    reply.add(.accept, Self.bodyType)
    throw reply
  }

  private func checkOptions(_ options: [ArraySlice<UInt8>], _ request: SIPMessage) throws(RegistrarReply) {
    let unknown = options.filter { option in !supportedOptions.contains { option.equalsIgnoringCase($0) } }
    guard !unknown.isEmpty else { return }
    var reply = refusal(420, request)
    reply.add(.unsupported, Array(unknown.joined(separator: Array(", ".utf8))))
    throw reply
  }

  private func refusal(_ status: Int, _ request: SIPMessage, _ reason: String? = nil) -> RegistrarReply {
    RegistrarReply(status: status, reason: reason, toTag: request.statelessToTag(key: tagKey))
  }

  /// The answer for bytes that did not parse: the salvaged request and its status; nil drops them.
  /// - Parameters:
  ///   - bytes: what came.
  ///   - error: what `SIPMessage(parsing:limits:)` threw.
  public func answer(toUnparsable bytes: [UInt8], _ error: SIPParseError) -> (SIPMessage, RegistrarReply)? {
    guard let status = error.status, let request = SIPMessage(salvaging: bytes) else { return nil }
    return (request, refusal(status, request, status == 400 ? error.reasonPhrase : nil))
  }
}
