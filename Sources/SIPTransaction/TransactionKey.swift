import SIPMessage

/// What a message is matched to its transaction by (RFC 3261 sections 17.1.3 and 17.2.3).
public struct TransactionKey: Sendable, Hashable {
  /// Bytes that are the same exactly for the messages of one transaction.
  public let bytes: [UInt8]

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// The key of the server transaction that a request belongs to. An ACK has that of its INVITE.
  ///
  /// With the magic cookie it is branch, sent-by and method; without it, as RFC 2543 clients send, Request-URI, From
  /// tag, Call-ID, CSeq number, topmost Via and method. (The To tag that RFC 3261 lists too is left out, because the ACK
  /// has the one of our response and the INVITE has none.)
  /// - Throws: when a header field that it is made from is missing or malformed.
  public init(serverOf request: SIPMessage) throws(SIPParseError) {
    let via = try request.topVia
    let method = request.method == .ack ? Array("INVITE".utf8)[...] : request.methodBytes
    try self.init(request, via, method)
  }

  /// The key of the INVITE server transaction that a CANCEL is about: all but the method are the same
  /// (RFC 3261 section 9.2).
  public init(cancelledBy request: SIPMessage) throws(SIPParseError) {
    try self.init(request, try request.topVia, Array("INVITE".utf8)[...])
  }

  private init(_ request: SIPMessage, _ via: Via, _ method: ArraySlice<UInt8>) throws(SIPParseError) {
    var key: [UInt8] = []
    key.reserveCapacity(96)
    Self.append(method, to: &key)
    if via.hasMagicCookie, let branch = via.branch {
      Self.append(branch, to: &key)
      Self.append(via.host, to: &key, lowercased: true)
      Self.append(Array(String(via.port ?? 0).utf8)[...], to: &key)
    } else {
      let from = try request.from
      Self.append(request.requestURIBytes, to: &key)
      Self.append(from.tag ?? [], to: &key)
      Self.append(try request.callID, to: &key)
      Self.append(Array(String(try request.cseq.number).utf8)[...], to: &key)
      Self.append(via.transport, to: &key, lowercased: true)
      Self.append(via.host, to: &key, lowercased: true)
      Self.append(Array(String(via.port ?? 0).utf8)[...], to: &key)
      Self.append(via.branch ?? [], to: &key)
    }
    bytes = key
  }

  /// The key of the client transaction that a response belongs to: the branch that we sent and the method of CSeq.
  /// - Throws: when Via or CSeq is missing or malformed.
  public init(clientOf response: SIPMessage) throws(SIPParseError) {
    guard let branch = try response.topVia.branch else { throw SIPParseError(.badHeaderValue, header: .via) }
    // The method as it stands, so that methods that we do not know are told apart too.
    let cseq = try response.cseq
    let value = response.header(.cseq) ?? []
    let method = cseq.method == .other ? value.split(whereSeparator: { $0 <= 0x20 }).last ?? [] : []
    self.init(
      branch: Array(branch),
      method: cseq.method == .other ? Array(method) : Array(cseq.method.rawValue.utf8)
    )
  }

  /// The key of the client transaction of a request that we send.
  public init(branch: [UInt8], method: [UInt8]) {
    var key: [UInt8] = []
    Self.append(method[...], to: &key)
    Self.append(branch[...], to: &key)
    self.init(bytes: key)
  }

  /// Adds a part and the byte that ends it; no part can have that byte.
  private static func append(_ part: ArraySlice<UInt8>, to key: inout [UInt8], lowercased: Bool = false) {
    if lowercased {
      for byte in part { key.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte) }
    } else {
      key.append(contentsOf: part)
    }
    key.append(0x0A)
  }
}
