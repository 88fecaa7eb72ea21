import FabricAgent
import NIOCore
import PoolModel
import Registrar
import SIPMessage
import SIPProxy
import SIPTransaction

// MARK: - To a user

extension RequestRouter {
  /// Sends a request to all contacts of a user.
  func toUser(_ addressOfRecord: String, _ id: ProxyContextID, _ request: Reading) {
    record(of: addressOfRecord) { [self] found in
      switch found {
      case .unreachable:
        metrics.refused(.noPrimary)
        var headers = SIPHeaderBlock()
        headers.add(.retryAfter, SIPService.retryAfter(.noPrimary))
        answer(503, id, headers)
      case .found(let record):
        let bindings = record?.liveBindings(at: service.agent.poolTime.milliseconds) ?? []
        guard !bindings.isEmpty else { return answer(480, id) }
        targets(bindings, request) { [self] in forward(id, request, to: $0) }
      }
    }
  }

  /// What was found of a user.
  enum Lookup {
    /// The record, if there is one.
    case found(RegistrationRecord?)
    /// No server that could say was reached.
    case unreachable
  }

  /// The record of a user: from the replica here, or asked of the group's primary.
  func record(of addressOfRecord: String, then: @escaping (Lookup) -> Void) {
    guard let groups = service.agent.groupCount else { return then(.unreachable) }
    let group = RoutingGroupID(addressOfRecord: addressOfRecord.utf8, groups: groups)
    if service.agent.holdsReplica(group) {
      guard service.agent.staleness <= configuration.maxStale else { return then(.unreachable) }
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

  /// The targets that bindings stand for, once all their names are looked up. One that cannot be reached stays, as one
  /// that fails, so that it is counted and the caller is told the right thing.
  private func targets(
    _ bindings: [Binding],
    _ request: Reading,
    then: @escaping ([ProxyTarget<ProxyHop>]) -> Void
  ) {
    let isSecure = request.uri.scheme == .sips
    let gathering = Gathering(bindings.count) { [self] (all: [[ProxyWay]?]) in
      var targets: [ProxyTarget<ProxyHop>] = []
      for (binding, ways) in zip(bindings, all) {
        guard let ways else { continue }
        let isDevice = binding.isOutbound || ways.count > 1
        let gone = ProxyWay(hop: .nowhere(.transport), kind: .udp, place: .datagram(of: configuration.server))
        for way in ways.isEmpty ? [gone] : ways {
          var target = target(way, request)
          target.uri = Self.requestURI(binding.contact, isSecure: isSecure)
          target.routes = binding.paths
          target.q = binding.q
          if isDevice { target.device = binding.isOutbound ? binding.instance : binding.contact }
          targets.append(target)
        }
      }
      then(targets)
    }
    for (index, binding) in bindings.enumerated() {
      guard !isSecure || binding.contact.starts(with: Array("sips:".utf8)) else {
        gathering.came(nil, index)
        continue
      }
      finder.ways(to: binding, isSecure: isSecure) { gathering.came($0, index) }
    }
  }

  /// A contact as the Request-URI has it: one of `sips:` is reached over TLS, but only a request to `sips:` is one
  /// (RFC 5630 section 5.3).
  private static func requestURI(_ contact: [UInt8], isSecure: Bool) -> [UInt8] {
    guard !isSecure, contact.count > 5, contact[4] == UInt8(ascii: ":"),
      contact[3] | 0x20 == UInt8(ascii: "s")
    else { return contact }
    return Array("sip".utf8) + contact[4...]
  }

  /// A target by its way, with our Via and Record-Route for it.
  private func target(_ way: ProxyWay, _ request: Reading) -> ProxyTarget<ProxyHop> {
    let makesDialogs = request.message.method.makesDialogs
    var target = ProxyTarget(
      destination: way.hop,
      transport: way.kind == .udp ? .unreliable : .reliable,
      via: Array("SIP/2.0/\(way.kind.token) \(local(way) ?? Endpoint(host: "0.0.0.0", port: 0))".utf8),
      recordRoutes: makesDialogs ? recordRoutes(way, request) : []
    )
    // What is added to a request is less than half a kilobyte: most need no second target.
    if let stream = way.overTCP, request.message.bytes.count > 700 {
      target.overStream = [
        self.target(ProxyWay(hop: .connection(stream), kind: .tcp, place: way.place), request)
      ]
    }
    return target
  }

  private func local(_ way: ProxyWay) -> Endpoint? {
    let isV6 =
      switch way.hop {
      case .datagram(_, .v6): true
      case .connection(let target): if case .v6 = target.remote { true } else { false }
      default: false
      }
    return service.transports.local(way.kind, isV6: isV6)
  }
}

// MARK: - Along a dialog

extension RequestRouter {
  /// Finds where a request of a dialog goes: to the end that it does not come from.
  func along(_ request: Reading, then: @escaping ([ProxyTarget<ProxyHop>]) -> Void) {
    // A call that passed through the pool twice has two dialogs in its Route: the last says who is at its end, and the
    // first, when it was shown to one end only, which end this one is.
    let side = request.dialogs.first { $0.side != .both }?.side ?? .both
    guard let last = request.dialogs.last else { return then([]) }
    let place: RouteSeal.Place? =
      switch side {
      case .caller: last.callee
      case .callee: last.caller
      case .both: nil
      }
    if let place, !place.isPlain {
      guard let way = finder.way(to: place) else {
        let gone = ProxyWay(hop: .nowhere(.flow), kind: .tcp, place: .datagram(of: configuration.server))
        return again(request) { [self] in then([$0 ?? target(gone, request)]) }
      }
      var first = target(way, request)
      guard case .peer = way.hop, request.message.method != .ack else { return then([first]) }
      // Whether its flow lives is known at its server only: have another way ready.
      first.device = request.plan.requestURI
      return again(request) { then([first, $0].compactMap(\.self)) }
    }
    guard let next = try? request.plan.nextHop else { return then([]) }
    finder.way(toURI: next) { [self] way in
      let gone = ProxyWay(hop: .nowhere(.transport), kind: .udp, place: .datagram(of: configuration.server))
      then([target(way ?? gone, request)])
    }
  }

  /// Where the flow of an end is gone, perhaps because its server is out, it is found again if its user has registered
  /// the same contact since.
  private func again(_ request: Reading, _ then: @escaping (ProxyTarget<ProxyHop>?) -> Void) {
    guard let to = try? request.message.to.uri, to.canonicalHost == configuration.domain.lowercased(),
      let user = to.addressOfRecord
    else { return then(nil) }
    record(of: user) { [self] found in
      guard case .found(let record?) = found,
        let binding = record.liveBindings(at: service.agent.poolTime.milliseconds).first(where: {
          (try? SIPURI(parsing: $0.contact[...]))?.isEquivalent(to: request.uri) == true
        })
      else { return then(nil) }
      finder.ways(to: binding, isSecure: request.uri.scheme == .sips) { [self] ways in
        guard let way = ways.first else { return then(nil) }
        var found = target(way, request)
        found.device = request.plan.requestURI
        then(found)
      }
    }
  }
}

// MARK: - Record-Route

extension RequestRouter {
  /// Our Record-Route, topmost first: one value when both ends are where their Contacts say and use the same transport,
  /// else one for each end (RFC 5658), so that what comes back tells from which end it is.
  private func recordRoutes(_ way: ProxyWay, _ request: Reading) -> [[UInt8]] {
    let caller = callerPlace(request)
    let callID = request.message.header(.callID) ?? []
    let isSecure = request.uri.scheme == .sips
    let isOne = caller.isPlain && way.place.isPlain && way.kind == request.source.kind
    func value(_ side: RouteSeal.Side, _ kind: TransportKind, _ local: Endpoint?) -> [UInt8]? {
      guard let local = isSecure ? service.transports.tlsAddress : local else { return nil }
      let token = seal.token(.init(caller: caller, callee: way.place, side: side), callID: callID)
      let scheme = isSecure ? "sips" : "sip"
      let transport = kind == .udp || isSecure ? "" : ";transport=\(kind.token.lowercased())"
      return Array("\(scheme):\(token)@\(local)\(transport)".utf8)
    }
    let callers = service.transports.local(request.source.kind, isV6: request.source.address.isV6)
    if isOne { return [value(.both, way.kind, local(way))].compactMap(\.self) }
    return [value(.callee, way.kind, local(way)), value(.caller, request.source.kind, callers)].compactMap(
      \.self
    )
  }

  /// Where the caller is: on its stream, where its Contact says, or behind a NAT.
  private func callerPlace(_ request: Reading) -> RouteSeal.Place {
    let source = request.source
    var place = RouteSeal.Place(server: source.server, flow: source.flow)
    guard source.flow == 0, case .contacts(let contacts)? = try? request.message.contacts(most: 1),
      let host = contacts.first?.uri.canonicalHost,
      let named = try? SocketAddress(ipAddress: NextHop.bare(host), port: 1),
      IPAddress(named) != source.address
    else { return place }
    // With further proxies before us the source is theirs and the Route says how to get back.
    guard request.message.count(.recordRoute) == 0 else { return place }
    place.seen = ClientAddress(address: source.address, port: source.port)
    return place
  }
}

/// Waits for several answers, which may come at once or later, in any order.
private final class Gathering<Value> {
  private var values: [Value?]
  private var missing: Int
  private let then: ([Value?]) -> Void

  init(_ count: Int, then: @escaping ([Value?]) -> Void) {
    values = Array(repeating: nil, count: count)
    missing = count
    self.then = then
  }

  func came(_ value: Value?, _ index: Int) {
    guard values.indices.contains(index) else { return }
    values[index] = value
    missing -= 1
    if missing == 0 { then(values) }
  }
}
