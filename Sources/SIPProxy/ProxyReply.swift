import SIPMessage
import SIPTransaction

/// A response that is made here.
struct ProxyReply {
  var status: Int
  var reason: String?
  var headers = SIPHeaderBlock()

  init(_ status: Int, reason: String? = nil, headers: SIPHeaderBlock = SIPHeaderBlock()) {
    self.status = status
    self.reason = reason
    self.headers = headers
  }

  /// Its bytes; nil when the request is so broken that it cannot be answered.
  /// - Parameter tagged: the request that the To tag is made from, when it is not the one that is answered: the 200 of
  ///   a CANCEL has the tag of its INVITE (RFC 3261 section 9.2).
  func write(
    for request: SIPMessage,
    _ configuration: ProxyConfiguration,
    _ source: SIPSource?,
    tagged: SIPMessage? = nil
  ) -> [UInt8]? {
    var all = headers
    all.add(configuration.headers)
    do throws(SIPWriteError) {
      return try request.response(
        status: status,
        reason: reason,
        toTag: status == 100 ? nil : (tagged ?? request).statelessToTag(key: configuration.key),
        source: source,
        headers: all
      )
    } catch {
      return nil
    }
  }
}

extension ProxyTarget {
  /// The request as it is sent to this target (RFC 3261 section 16.6).
  func request(
    for request: SIPMessage,
    _ plan: RoutePlan,
    from source: ProxySource<Destination>,
    branch: [UInt8],
    realm: [UInt8]
  ) throws(SIPWriteError) -> [UInt8] {
    let written = RoutePlan.written(uri: uri ?? plan.requestURI, routes: routes + plan.routes)
    var change = SIPForwarding()
    change.requestURI = written.uri
    change.removed = [.route]
    change.routes = written.routes
    change.decrementsMaxForwards = true
    change.consumedRealm = realm
    change.source = source.address
    var value = via + Array(";branch=".utf8) + branch
    // RFC 3581 section 3: over UDP ask for the answer to come to the port that we send from.
    if transport == .unreliable { value += Array(";rport".utf8) }
    change.via = value
    if request.method.makesDialogs {
      change.recordRoutes = recordRoutes.map { Array("<".utf8) + $0 + Array(";lr>".utf8) }
    }
    if transport == .reliable { change.addContentLength(of: request) }
    return try change.apply(to: request)
  }
}

extension SIPForwarding {
  /// A datagram may do without Content-Length, a stream may not (RFC 3261 section 18.3).
  mutating func addContentLength(of message: SIPMessage) {
    guard !message.contains(.contentLength) else { return }
    added.add(.contentLength, UInt64(message.body.count))
  }
}

extension SIPMethod {
  /// Whether a request of this method makes or refreshes a dialog, so that Record-Route means something in it.
  public var makesDialogs: Bool {
    switch self {
    case .invite, .subscribe, .refer, .notify, .update: true
    default: false
    }
  }
}
