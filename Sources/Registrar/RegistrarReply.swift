import SIPMessage

/// How to answer a request; `write` makes the bytes.
public struct RegistrarReply: Error, Sendable, Hashable {
  /// The status code; never 6xx, because only one server of many speaks here.
  public var status: Int
  /// The reason phrase; nil takes that of the RFC.
  public var reason: String?
  /// The tag for To.
  public var toTag: [UInt8]
  /// Further header lines.
  public var headers: SIPHeaderBlock

  /// Makes a reply.
  public init(
    status: Int,
    reason: String? = nil,
    toTag: [UInt8],
    headers: SIPHeaderBlock = SIPHeaderBlock()
  ) {
    self.status = status
    self.reason = reason
    self.toTag = toTag
    self.headers = headers
  }

  /// The response to `request`.
  /// - Parameter source: when given, `received` and `rport` are noted in the topmost Via.
  public func write(for request: SIPMessage, source: SIPSource? = nil) throws(SIPWriteError) -> [UInt8] {
    try request.response(status: status, reason: reason, toTag: toTag, source: source, headers: headers)
  }

  /// Adds a header field whose value is ours or was parsed, so that it has no line break; if it has, it is left out.
  mutating func add(_ name: SIPHeaderName, _ value: [UInt8]) {
    do throws(SIPWriteError) {
      try headers.add(name, value)
    } catch {
      // A folded value: one space for each byte of the fold.
      let unfolded = value.map { $0 == 0x0D || $0 == 0x0A || $0 == 0 ? 0x20 : $0 }
      headers = Self.adding(name, unfolded, to: headers)
    }
  }

  mutating func add(_ name: SIPHeaderName, _ value: String) { add(name, Array(value.utf8)) }

  private static func adding(_ name: SIPHeaderName, _ value: [UInt8], to block: SIPHeaderBlock)
    -> SIPHeaderBlock
  {
    var result = block
    do throws(SIPWriteError) {
      try result.add(name, value)
    } catch {
      return block
    }
    return result
  }
}

/// What the registrar makes of a REGISTER.
public enum RegistrarDecision: Sendable, Hashable {
  /// Nothing changes: answer.
  case reply(RegistrarReply)
  /// Store this record (nil: delete the key), comparing that it is still the one that was read; answer only when that is
  /// durable. When the compare fails, read again and decide again.
  case store(RegistrationRecord?, thenReply: RegistrarReply)

  /// The answer.
  public var reply: RegistrarReply {
    switch self {
    case .reply(let reply), .store(_, let reply): return reply
    }
  }
}
