import FabricAgent
import Logging
import NIOCore
import PoolModel
import Registrar
import SIPMessage

/// A stateless proxy (RFC 3261 section 16.11) towards the users of the domain: it sends a request to the best contact of
/// the user it is for, and a response back along its Vias. What it must know later it writes, sealed, into its own Via
/// and Record-Route. It sends to nobody else: no open relay.
final class RequestRouter {
  /// Where a request goes on to.
  struct Target {
    /// The new Request-URI; `nil` leaves it.
    var uri: [UInt8]?
    /// The stream it is reached by, or UDP.
    var place: RouteSeal.Place
    /// The address, when it is UDP.
    var remote: SocketAddress?
    /// Path of the binding (RFC 3327): becomes Route.
    var routes: [[UInt8]] = []
  }

  unowned let service: SIPService
  let seal: RouteSeal
  var configuration: FrontEndConfiguration { service.configuration }
  var metrics: FrontEndMetrics { service.metrics }

  init(service: SIPService) {
    self.service = service
    seal = RouteSeal(secret: service.secret)
  }

  /// Takes a request that is no REGISTER.
  func request(_ message: SIPMessage, from source: MessageSource) {
    do throws(SIPParseError) {
      try route(message, from: source)
    } catch {
      fail(error.status ?? 400, message, from: source, error.reasonPhrase)
    }
  }

  /// Answers a request, unless it is an ACK.
  func fail(_ status: Int, _ message: SIPMessage, from source: MessageSource, _ reason: String? = nil) {
    guard message.method != .ack else { return metrics.dropped(.strayAck) }
    service.reply(status, reason, to: message, from: source)
  }

  private func refuse(_ reply: RegistrarReply, _ message: SIPMessage, from source: MessageSource) {
    guard let response = service.registrar.response(reply, to: message, from: source) else {
      return metrics.dropped(.malformed)
    }
    service.writer.send(response, to: message, from: source)
  }

  private func route(_ message: SIPMessage, from source: MessageSource) throws(SIPParseError) {
    let via = try message.topVia
    let uri = try message.requestURI
    let callID = try message.callID
    let routes = try message.routes
    let (own, token) = try ownRoutes(routes)
    if isOwn(uri.canonicalHost, uri.port), uri.user == nil, routes.count == own {
      return toServer(message, from: source)
    }
    switch service.registrar.check.outcome(
      of: message,
      for: .forward,
      hasLooped: seal.hasLooped(message)
    ) {
    case .passed: break
    case .dropped: return metrics.dropped(.strayAck)
    case .refused(let reply): return refuse(reply, message, from: source)
    }
    if let token, let places = seal.places(of: token[...], callID: callID) {
      return alongDialog(
        message,
        via,
        uri,
        places,
        removing: own,
        next: routes.dropFirst(own).first,
        from: source
      )
    }
    // A Route that is not ours would make us a relay.
    guard routes.count == own else { return fail(403, message, from: source) }
    let host = uri.canonicalHost
    guard host == configuration.domain.lowercased() || isOwn(host, uri.port), uri.user != nil else {
      return fail(isOwn(host, uri.port) ? 404 : 403, message, from: source)
    }
    let user = try addressOfRecord(uri)
    guard service.gate.isReady else { return starting(message, from: source) }
    if case .refused(let status, let headers) = service.gate.checkCaller(
      message,
      from: source,
      at: service.agent.poolTime
    ) {
      return service.answer(status, headers, to: message, from: source)
    }
    toUser(user, message, via, removing: own, from: source)
  }

  private func starting(_ message: SIPMessage, from source: MessageSource) {
    guard message.method != .ack else { return metrics.dropped(.strayAck) }
    service.refuse(message, from: source, because: .starting)
  }

  /// How many of the topmost Route values are ours, and the user part of the last of them.
  private func ownRoutes(_ routes: [NameAddress]) throws(SIPParseError) -> (Int, [UInt8]?) {
    var count = 0
    var token: [UInt8]?
    for route in routes {
      let uri = try route.uri
      guard isOwn(uri.canonicalHost, uri.port) else { break }
      count += 1
      if let user = uri.user { token = Array(user) }
    }
    return (count, token)
  }

  /// The canonical address-of-record; one that names a server instead of the domain is of the domain.
  private func addressOfRecord(_ uri: SIPURI) throws(SIPParseError) -> String {
    let text = uri.addressOfRecord ?? ""
    guard let at = text.lastIndex(of: "@") else { throw SIPParseError(.badURI, status: 404) }
    return "\(text[...at])\(configuration.domain.lowercased())"
  }

  /// Whether host and port name this server.
  func isOwn(_ host: String, _ port: UInt16?) -> Bool {
    service.transports.ports.contains { own in
      let name = own.local.host.contains(":") ? "[\(own.local.host)]" : own.local.host
      return name == host && own.local.port == Int(port ?? 5_060)
    }
  }

  /// A request to the server itself.
  private func toServer(_ message: SIPMessage, from source: MessageSource) {
    let allowed: [SIPMethod] = [.options, .register, .ack, .cancel, .bye]
    switch service.registrar.check.outcome(of: message, for: .answer(allowed: allowed)) {
    case .passed: break
    case .dropped: return metrics.dropped(.strayAck)
    case .refused(let reply): return refuse(reply, message, from: source)
    }
    switch message.method {
    case .options:
      var headers = SIPHeaderBlock()
      try? headers.add(.allow, "REGISTER, OPTIONS, INVITE, ACK, CANCEL, BYE, MESSAGE, SUBSCRIBE, NOTIFY")
      try? headers.add(.accept, "application/sdp")
      try? headers.add(.supported, "path")
      guard let response = service.writer.response(200, to: message, from: source, headers: headers) else {
        return metrics.dropped(.malformed)
      }
      service.writer.send(response, to: message, from: source)
    case .ack: metrics.dropped(.strayAck)
    case .cancel, .bye: fail(481, message, from: source)
    default: fail(405, message, from: source)
    }
  }
}

// MARK: - To a user

extension RequestRouter {
  private func toUser(
    _ addressOfRecord: String,
    _ message: SIPMessage,
    _ via: Via,
    removing own: Int,
    from source: MessageSource
  ) {
    guard let groups = service.agent.groupCount else {
      return service.refuse(message, from: source, because: .starting)
    }
    let group = RoutingGroupID(addressOfRecord: addressOfRecord.utf8, groups: groups)
    record(of: addressOfRecord, in: group) { [self] found in
      switch found {
      case .unreachable:
        guard message.method != .ack else { return metrics.dropped(.strayAck) }
        service.refuse(message, from: source, because: .noPrimary)
      case .found(let record):
        guard let binding = record?.liveBindings(at: service.agent.poolTime.milliseconds).first,
          let target = target(of: binding)
        else { return fail(480, message, from: source) }
        forward(message, via, to: target, removing: own, from: source)
      }
    }
  }

  /// What was found of a user.
  private enum Lookup {
    /// The record, if there is one.
    case found(RegistrationRecord?)
    /// No server that could say was reached.
    case unreachable
  }

  /// The record of a user: from the replica here, or asked of the group's primary.
  private func record(
    of addressOfRecord: String,
    in group: RoutingGroupID,
    then: @escaping (Lookup) -> Void
  ) {
    if service.agent.holdsReplica(group) {
      let stored = service.agent.record(of: addressOfRecord, in: group)
      return then(.found(stored.flatMap { try? RegistrationRecord(decoding: $0.bytes) }))
    }
    guard case .elsewhere(let server, _) = service.agent.route(group) else { return then(.unreachable) }
    service.network.link(to: server).call(.lookup, ByteBuffer(string: addressOfRecord)) { answer in
      guard case .frame(let frame) = answer, frame.type == .record else { return then(.unreachable) }
      let bytes = Array(frame.body.readableBytesView)
      then(.found(bytes.isEmpty ? nil : try? RegistrationRecord(decoding: bytes)))
    }
  }

  /// How a contact is reached; `nil` when it cannot be.
  private func target(of binding: Binding) -> Target? {
    let place = FlowReference.place(binding.flow) ?? .datagram(of: configuration.server)
    var target = Target(uri: binding.contact, place: place, routes: binding.paths)
    if place.flow == 0 {
      guard let uri = try? SIPURI(parsing: binding.contact[...]) else { return nil }
      var next = uri
      if let path = binding.paths.first, let address = try? NameAddress(parsing: path[...]),
        let hop = try? address.uri
      {
        next = hop
      }
      target.remote = Self.remote(of: next) ?? Self.seenAddress(binding.source)
      // Behind a NAT the contact names an address that only the source of the REGISTER stands for.
      if binding.paths.isEmpty, let seen = Self.seenAddress(binding.source),
        let named = target.remote, seen.ipAddress != named.ipAddress
      {
        target.remote = seen
      }
      if target.remote == nil { return nil }
    }
    return target
  }

  /// The address in a URI whose host is one.
  static func remote(of uri: SIPURI) -> SocketAddress? {
    var host = uri.canonicalHost
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    return try? SocketAddress(ipAddress: host, port: Int(uri.port ?? 5_060))
  }

  /// The address in a binding's source, such as `udp:192.0.2.1:5060`.
  static func seenAddress(_ source: [UInt8]) -> SocketAddress? {
    let text = String(decoding: source, as: UTF8.self)
    guard let colon = text.firstIndex(of: ":"),
      let endpoint = Endpoint(String(text[text.index(after: colon)...]))
    else { return nil }
    return try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port)
  }
}

// MARK: - Along a dialog

extension RequestRouter {
  /// Sends a request of a dialog to the end it did not come from. Ends over UDP cannot be told apart and need not be:
  /// there the Request-URI, or the next Route, says where it goes.
  private func alongDialog(
    _ message: SIPMessage,
    _ via: Via,
    _ uri: SIPURI,
    _ places: (caller: RouteSeal.Place, callee: RouteSeal.Place),
    removing own: Int,
    next: NameAddress?,
    from source: MessageSource
  ) {
    let here = RouteSeal.Place(server: source.server, flow: source.flow)
    let place: RouteSeal.Place
    if here.flow == 0 {
      place = places.caller.flow == 0 ? places.callee : places.caller
    } else {
      place = here == places.callee ? places.caller : places.callee
    }
    var target = Target(uri: nil, place: place)
    if place.flow == 0 {
      target.remote = (next.flatMap { try? $0.uri } ?? uri).remoteAddress
      guard target.remote != nil else { return fail(480, message, from: source) }
    }
    forward(message, via, to: target, removing: own, from: source)
  }
}

extension SIPURI {
  /// The address when the host is one.
  fileprivate var remoteAddress: SocketAddress? { RequestRouter.remote(of: self) }
}
