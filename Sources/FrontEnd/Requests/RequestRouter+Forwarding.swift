import CoreMetrics
import FabricAgent
import NIOCore
import PoolModel
import Registrar
import SIPMessage

// MARK: - Forwarding a request

extension RequestRouter {
  /// Sends a request on to its target (RFC 3261 section 16.6).
  func forward(
    _ message: SIPMessage,
    _ via: Via,
    to target: Target,
    removing own: Int,
    from source: MessageSource
  ) {
    guard let local = localEndpoint(for: target) else { return fail(480, message, from: source) }
    var change = SIPForwarding()
    change.requestURI = target.uri
    change.via =
      viaValue(token(of: target.place), local, seal.branch(for: message, via: via, flow: source.flow))
      + seal.loopParameter(for: message)
    change.source = SIPSource(address: source.address.text, port: source.port)
    change.decrementsMaxForwards = true
    change.removedRoutes = own
    change.routes = target.routes
    if Self.makesDialogs(message) {
      let token = seal.token(
        caller: RouteSeal.Place(server: source.server, flow: source.flow),
        callee: target.place,
        callID: message.header(.callID) ?? []
      )
      change.recordRoutes = [Array("<sip:\(token)@\(local);lr>".utf8)]
    }
    do throws(SIPWriteError) {
      deliver(try change.apply(to: message), to: target, for: message, from: source)
    } catch {
      fail(error == .tooManyHops ? 483 : 400, message, from: source)
    }
  }

  private func deliver(
    _ bytes: [UInt8],
    to target: Target,
    for message: SIPMessage,
    from source: MessageSource
  ) {
    metrics.forwarded.increment()
    if target.place.flow == 0 {
      if !sendDatagram(bytes, to: target.remote) { fail(480, message, from: source) }
    } else if target.place.server == configuration.server {
      if !sendHere(bytes, on: target.place.flow) { fail(480, message, from: source) }
    } else {
      var body = ByteBuffer()
      body.writeInteger(target.place.flow)
      body.writeBytes(bytes)
      service.network.link(to: target.place.server).call(.deliver, body) { [self] answer in
        guard case .frame(let frame) = answer, frame.type == .delivered else {
          // Its server is gone, or the client is: RFC 5626 section 5.3 calls that 430, to clients it is 480.
          return fail(480, message, from: source)
        }
      }
    }
  }

  /// Sends on a stream of this server. Its Via names the stream, so that the answer is read from there.
  private func sendHere(_ bytes: [UInt8], on flow: UInt64) -> Bool {
    guard let stream = service.transports.flows[flow] else { return false }
    return stream.send(ByteBuffer(bytes: bytes))
  }

  func sendDatagram(_ bytes: [UInt8], to remote: SocketAddress?) -> Bool {
    guard let remote, let port = port(for: remote) else { return false }
    return port.send(ByteBuffer(bytes: bytes), to: remote)
  }

  private func port(for remote: SocketAddress) -> DatagramPort? {
    let wantsV6: Bool
    if case .v6 = remote { wantsV6 = true } else { wantsV6 = false }
    return service.transports.ports.first { $0.local.host.contains(":") == wantsV6 }
  }

  private func localEndpoint(for target: Target) -> Endpoint? {
    guard let remote = target.remote else { return service.transports.ports.first?.local }
    return port(for: remote)?.local
  }

  private func viaValue(_ transport: String, _ local: Endpoint, _ branch: [UInt8]) -> [UInt8] {
    Array("SIP/2.0/\(transport) \(local);branch=".utf8) + branch
  }

  /// How our Via names the way to a place.
  private func token(of place: RouteSeal.Place) -> String {
    guard place.flow != 0, place.server == configuration.server else { return TransportKind.udp.token }
    return (service.transports.flows[place.flow]?.kind ?? .udp).token
  }

  private static func makesDialogs(_ message: SIPMessage) -> Bool {
    switch message.method {
    case .invite, .subscribe, .refer, .notify: true
    default: false
    }
  }
}

// MARK: - Responses

extension RequestRouter {
  /// Sends a response on: our Via comes off, the next one says where it goes (RFC 3261 sections 16.7 and 18.1.2).
  func response(_ message: SIPMessage, from source: MessageSource) {
    guard let vias = try? message.vias, vias.count > 1, let own = vias.first,
      let next = vias.dropFirst().first,
      isOwn(String(decoding: own.host, as: UTF8.self).lowercased(), own.port), let branch = own.branch,
      let flow = seal.flow(ofBranch: branch)
    else { return metrics.dropped(.strayResponse) }
    var change = SIPForwarding()
    change.removesTopVia = true
    guard let bytes = try? change.apply(to: message) else { return metrics.dropped(.strayResponse) }
    metrics.forwarded.increment()
    let isSent = flow == 0 ? sendDatagram(bytes, to: Self.remote(of: next)) : sendHere(bytes, on: flow)
    if !isSent { metrics.dropped(.unsendable) }
  }

  private static func remote(of via: Via) -> SocketAddress? {
    let host = String(decoding: via.received ?? via.bracketless, as: UTF8.self)
    var port = Int(via.port ?? 5_060)
    if case .value(let seen) = via.rport { port = Int(seen) }
    return try? SocketAddress(ipAddress: host, port: port)
  }
}

// MARK: - For other servers

extension RequestRouter {
  /// Answers the calls of other servers that are about routing.
  func peerCalled(_ frame: PeerFrame, answer: (PeerFrame) -> Void) {
    switch frame.type {
    case .lookup:
      let addressOfRecord = String(buffer: frame.body)
      guard let groups = service.agent.groupCount else { return answer(PeerFrame(.noReplica)) }
      let group = RoutingGroupID(addressOfRecord: addressOfRecord.utf8, groups: groups)
      guard service.agent.holdsReplica(group) else { return answer(PeerFrame(.noReplica)) }
      let record = service.agent.record(of: addressOfRecord, in: group)
      answer(PeerFrame(.record, body: ByteBuffer(bytes: record?.bytes ?? [])))
    case .deliver:
      var body = frame.body
      guard let flow: UInt64 = body.readInteger() else { return answer(PeerFrame(.noFlow)) }
      let isSent = relay(Array(body.readableBytesView), on: flow)
      answer(PeerFrame(isSent ? .delivered : .noFlow))
    default:
      break
    }
  }

  /// Sends for another server on a stream of ours. We add a Via: the answer comes to us, on that stream, and from here
  /// it goes on to the other server.
  private func relay(_ bytes: [UInt8], on flow: UInt64) -> Bool {
    guard let local = service.transports.ports.first?.local, let message = try? SIPMessage(parsing: bytes),
      message.isRequest, let via = try? message.topVia
    else { return false }
    var change = SIPForwarding()
    let kind = service.transports.flows[flow]?.kind ?? .tcp
    change.via = viaValue(kind.token, local, seal.branch(for: message, via: via, flow: 0))
    guard let changed = try? change.apply(to: message) else { return false }
    metrics.forwarded.increment()
    return sendHere(changed, on: flow)
  }
}
