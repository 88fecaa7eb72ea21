import CoreMetrics
import FabricAgent
import Logging
import NIOCore
import PoolModel
import Registrar
import SIPDigest
import SIPMessage
import SIPProxy
import SIPTransaction

/// A transaction-stateful proxy (RFC 3261 section 16) for the users of the domain: sends requests to all contacts of the
/// user that they are for, and requests of a dialog along the Record-Route that it has sealed. It sends to nobody else:
/// no open relay. What to do is decided by `ProxyTable`; here is found who may, and where to.
final class RequestRouter {
  /// Where a request that is let in goes.
  private enum Destination {
    /// To a user of the domain.
    case user(String)
    /// Along a dialog.
    case dialog
  }

  /// What was read of a request before it was let in.
  struct Reading {
    let message: SIPMessage
    let source: MessageSource
    /// Its Route, taken apart.
    let plan: RoutePlan
    /// The Request-URI.
    let uri: SIPURI
    /// What our own values in Route say, topmost first.
    let dialogs: [RouteSeal.Dialog]
    /// Where its answer goes.
    let proxySource: ProxySource<ProxyHop>
  }

  unowned let service: SIPService
  let seal: RouteSeal
  let desk: ProxyDesk
  let finder: TargetFinder
  var configuration: FrontEndConfiguration { service.configuration }
  var metrics: FrontEndMetrics { service.metrics }
  private let domain: String

  init(service: SIPService) {
    self.service = service
    seal = RouteSeal(secret: service.secret)
    domain = service.configuration.domain.lowercased()
    desk = ProxyDesk(
      configuration: service.configuration,
      secret: service.secret,
      transports: service.transports,
      network: service.network,
      outgoing: service.outgoing,
      metrics: service.metrics
    )
    finder = TargetFinder(
      server: service.configuration.server,
      transports: service.transports,
      network: service.network,
      resolver: service.resolver,
      outgoing: service.outgoing
    )
  }

  /// Takes a request that is no REGISTER.
  func request(_ message: SIPMessage, from source: MessageSource) {
    do throws(SIPParseError) {
      try route(try read(message, source))
    } catch {
      fail(error.status ?? 400, message, from: source, error.reasonPhrase)
    }
  }

  /// Takes a response: of one of our branches, or to be handed back to the server that had us deliver its request.
  func response(_ message: SIPMessage, from source: MessageSource) {
    if service.subscriptions.response(message) { return }
    if let actions = desk.table.responseReceived(message, at: ProxyDesk.milliseconds(ServerClock.now())) {
      return desk.perform(actions)
    }
    if !handBack(message) { metrics.dropped(.strayResponse) }
  }

  /// Answers a request, unless it is an ACK.
  func fail(_ status: Int, _ message: SIPMessage, from source: MessageSource, _ reason: String? = nil) {
    guard message.method != .ack else { return metrics.dropped(.strayAck) }
    service.reply(status, reason, to: message, from: source)
  }

  func refuse(_ reply: RegistrarReply, _ message: SIPMessage, from source: MessageSource) {
    guard let response = service.registrar.response(reply, to: message, from: source) else {
      return metrics.dropped(.malformed)
    }
    service.writer.send(response, to: message, from: source)
  }

  // MARK: - Reading

  private func read(_ message: SIPMessage, _ source: MessageSource) throws(SIPParseError) -> Reading {
    let callID = try message.callID
    var dialogs: [RouteSeal.Dialog] = []
    let plan = try RoutePlan(message) { uri in
      // The seal proves that a server of the pool wrote it, whichever: that one may be out now.
      if let user = uri.user, let dialog = seal.dialog(of: user, callID: callID) {
        dialogs.append(dialog)
        return true
      }
      return isOurs(uri)
    }
    let hop: ProxyHop
    switch source.way {
    case .stream(let flow): hop = .stream(flow.id)
    case .datagram(let port):
      guard let remote = ResponseWriter.destination(of: message, from: source) else {
        throw SIPParseError(.badHeaderValue, header: .via)
      }
      hop = .datagram(port, remote)
    case .peer: hop = .nowhere(.transport)
    }
    return Reading(
      message: message,
      source: source,
      plan: plan,
      uri: try SIPURI(parsing: plan.requestURI[...]),
      dialogs: dialogs,
      proxySource: ProxySource(
        destination: hop,
        address: SIPSource(address: source.address.text, port: source.port),
        transport: source.isReliable ? .reliable : .unreliable
      )
    )
  }

  /// Whether a URI names this server or the whole domain.
  func isOurs(_ uri: SIPURI) -> Bool {
    let host = uri.canonicalHost
    return service.transports.isOwn(host, uri.port, isTLS: uri.scheme == .sips)
      || host == domain && uri.port == nil
  }

  // MARK: - Routing

  private func route(_ request: Reading) throws(SIPParseError) {
    let message = request.message
    // A request to the server itself, or to the domain as such.
    if request.plan.routes.isEmpty, request.dialogs.isEmpty, request.uri.user == nil, isOurs(request.uri) {
      return toServer(message, from: request.source)
    }
    if SubscriptionDesk.isOurs(message), request.dialogs.isEmpty { return subscribe(request) }
    var destination = Destination.dialog
    let taken = desk.table.requestReceived(
      message,
      from: request.proxySource,
      at: ProxyDesk.milliseconds(ServerClock.now())
    ) {
      guard let admitted = admit(request) else { return false }
      destination = admitted
      return true
    }
    desk.perform(taken.actions)
    switch taken.next {
    case .done: break
    case .unmatchedCancel: fail(481, message, from: request.source)
    case .acknowledge:
      // One without a Record-Route of ours is for an answer that we gave without state, or for nobody here.
      guard isInDialog(request) else { return metrics.dropped(.strayAck) }
      along(request) { [self] targets in
        guard let target = targets.first else { return metrics.dropped(.strayAck) }
        desk.perform(
          desk.table.acknowledge(message, request.plan, to: target, from: request.proxySource)
        )
      }
    case .route(let id):
      switch destination {
      case .dialog: along(request) { [self] in forward(id, request, to: $0) }
      case .user(let user): toUser(user, id, request)
      }
    }
  }

  /// Sends a request that was let in to its targets.
  func forward(_ id: ProxyContextID, _ request: Reading, to targets: [ProxyTarget<ProxyHop>]) {
    // Several flows of one device are tried one after the other.
    if targets.count > 1, targets.contains(where: { $0.device == nil || $0.device != targets.first?.device })
    {
      metrics.forked.increment()
    }
    let now = ProxyDesk.milliseconds(ServerClock.now())
    desk.perform(desk.table.forward(id, request.plan, to: targets, at: now))
  }

  /// Answers a request that was let in.
  func answer(_ status: Int, _ id: ProxyContextID, _ headers: SIPHeaderBlock = SIPHeaderBlock()) {
    let now = ProxyDesk.milliseconds(ServerClock.now())
    desk.perform(desk.table.answer(id, status: status, headers: headers, at: now))
  }

  private func isInDialog(_ request: Reading) -> Bool {
    !request.dialogs.isEmpty && request.message.isInDialog
  }

  // MARK: - Who is let in

  /// Where a new request goes; `nil` when it was answered here.
  private func admit(_ request: Reading) -> Destination? {
    let (message, source) = (request.message, request.source)
    func refused(_ status: Int, _ reason: String? = nil) -> Destination? {
      fail(status, message, from: source, reason)
      return nil
    }
    switch service.service {
    case .serving: break
    case .leaving where message.isInDialog: break
    case .starting, .leaving, .out:
      service.refuse(message, from: source, because: service.service == .starting ? .starting : .leaving)
      return nil
    }
    if isInDialog(request) { return .dialog }
    guard !service.turnsAway() else {
      service.refuse(message, from: source, because: .overload)
      return nil
    }
    // A Route that is not ours would make us a relay.
    guard request.plan.routes.isEmpty else { return refused(403) }
    let isServer = service.transports.isOwn(
      request.uri.canonicalHost,
      request.uri.port,
      isTLS: request.uri.scheme == .sips
    )
    guard isServer || request.uri.canonicalHost == domain else { return refused(403) }
    guard request.uri.user != nil, let user = addressOfRecord(request.uri) else { return refused(404) }
    guard request.uri.scheme != .sips || service.transports.tlsAddress != nil else { return refused(416) }
    guard service.gate.isReady else {
      service.refuse(message, from: source, because: .starting)
      return nil
    }
    if !isOurOwn(request) {
      let outcome = service.gate.checkCaller(message, from: source, at: service.agent.poolTime)
      if case .refused(let status, let headers) = outcome {
        service.answer(status, headers, to: message, from: source)
        return nil
      }
    }
    guard service.gate.mayExist(user) else { return refused(404) }
    return .user(user)
  }

  /// Whether we have sent the request ourselves, to a contact that is of the domain again: its caller was asked before.
  private func isOurOwn(_ request: Reading) -> Bool {
    let source = request.source
    guard source.kind == .udp, let branch = try? request.message.topVia.branch else { return false }
    let isFromHere = service.transports.ports.contains {
      $0.local.port == Int(source.port) && $0.local.host == source.address.text
    }
    return isFromHere && desk.table.hasSent(branch)
  }

  /// The canonical address-of-record; one that names a server instead of the domain is of the domain.
  func addressOfRecord(_ uri: SIPURI) -> String? {
    guard let text = uri.addressOfRecord, let at = text.lastIndex(of: "@"), !ReservedUser.isReserved(text)
    else { return nil }
    return "\(text[...at])\(domain)"
  }

  // MARK: - To the server

  /// A request to the server itself.
  private func toServer(_ message: SIPMessage, from source: MessageSource) {
    let allowed: [SIPMethod] = [.options, .register, .ack, .cancel, .bye]
    switch service.registrar.check.outcome(of: message, for: .answer(allowed: allowed)) {
    case .passed: break
    case .dropped: return metrics.dropped(.strayAck)
    case .refused(let reply): return refuse(reply, message, from: source)
    }
    switch message.method {
    case .ack: return metrics.dropped(.strayAck)
    case .cancel, .bye: return fail(481, message, from: source)
    case .options: break
    default: return fail(405, message, from: source)
    }
    guard service.service == .serving else {
      return service.refuse(
        message,
        from: source,
        because: service.service == .starting ? .starting : .leaving
      )
    }
    var headers = SIPHeaderBlock()
    try? headers.add(.allow, "REGISTER, OPTIONS, INVITE, ACK, CANCEL, BYE, MESSAGE, SUBSCRIBE, NOTIFY")
    try? headers.add(.accept, RequestCheck.bodyType)
    try? headers.add(.acceptEncoding, RequestCheck.bodyEncoding)
    try? headers.add(.acceptLanguage, "en")
    try? headers.add(.supported, "path, outbound")
    try? headers.add(.allowEvents, "reg")
    service.answer(200, headers, to: message, from: source)
  }
}
