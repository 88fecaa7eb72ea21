import SIPMessage

/// A request after its Route was looked at (RFC 3261 section 16.4): what is left of it, and what stood in ours.
public struct RoutePlan: Sendable, Hashable {
  /// The Request-URI; the one that a strict router before us put at the end of Route is back in its place.
  public var requestURI: [UInt8]
  /// The Route values that are not ours, topmost first.
  public var routes: [[UInt8]]
  /// The user parts of the Route values that were ours, topmost first; nil for one without.
  public var ownUsers: [[UInt8]?]

  /// Looks at a request.
  /// - Parameter isOwn: whether a URI names this proxy (its host and port).
  /// - Throws: for a Request-URI or Route that cannot be read.
  public init(_ request: SIPMessage, isOwn: (SIPURI) -> Bool) throws(SIPParseError) {
    var values: [(value: [UInt8], address: NameAddress)] = []
    for value in request.values(of: .route) {
      let unfolded = value.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }
      values.append((unfolded, try NameAddress(parsing: unfolded[...], header: .route)))
    }
    requestURI = Array(request.requestURIBytes)
    let uri = try request.requestURI
    // Only a strict router puts our Record-Route value, which has `lr`, into the Request-URI.
    if uri.hasParameter("lr"), isOwn(uri), let last = values.popLast() {
      requestURI = Array(last.address.uriBytes)
      ownUsers = [uri.user.map { Array($0) }]
    } else {
      ownUsers = []
    }
    var own = 0
    for (_, address) in values {
      let route = try address.uri
      guard isOwn(route) else { break }
      own += 1
      ownUsers.append(route.user.map { Array($0) })
    }
    routes = values.dropFirst(own).map(\.value)
  }

  /// The URI that says where the request goes next: the topmost Route, else the Request-URI.
  public var nextHop: SIPURI {
    get throws(SIPParseError) {
      guard let first = routes.first else { return try SIPURI(parsing: requestURI[...]) }
      return try NameAddress(parsing: first[...], header: .route).uri
    }
  }

  /// Request-URI and Route as they are written: when the next hop is a strict router it gets its own URI as Request-URI
  /// and the right one as the last Route (RFC 3261 section 16.6 step 6).
  static func written(uri: [UInt8], routes: [[UInt8]]) -> (uri: [UInt8], routes: [[UInt8]]) {
    guard let first = routes.first else { return (uri, []) }
    do throws(SIPParseError) {
      let next = try NameAddress(parsing: first[...], header: .route)
      guard try !next.uri.hasParameter("lr") else { return (uri, routes) }
      let last = [UInt8(ascii: "<")] + uri + [UInt8(ascii: ">")]
      return (Array(next.uriBytes), routes.dropFirst() + [last])
    } catch {
      // A Path that cannot be read is passed on as it was given to us.
      return (uri, routes)
    }
  }
}
