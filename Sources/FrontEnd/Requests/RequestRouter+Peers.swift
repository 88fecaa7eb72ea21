import CoreMetrics
import FabricAgent
import NIOCore
import PoolModel
import SIPMessage
import SIPProxy

// MARK: - For other servers

extension RequestRouter {
  /// Answers the calls of other servers that are about routing.
  func peerCalled(_ frame: PeerFrame, from peer: ServerName, answer: (PeerFrame) -> Void) {
    var body = frame.body
    switch frame.type {
    case .lookup:
      answer(lookup(String(buffer: body)))
    case .deliver:
      guard let flow: UInt64 = body.readInteger(), let stream = service.transports.flows[flow],
        stream.takesRequests,
        let bytes = relayed(Array(body.readableBytesView), stream.kind, isV6: false, for: peer)
      else { return answer(PeerFrame(.noFlow)) }
      answer(PeerFrame(stream.send(ByteBuffer(bytes: bytes)) ? .delivered : .noFlow))
    case .deliverDatagram:
      guard let address = IPAddress.read(from: &body), let port: UInt16 = body.readInteger(),
        let remote = address.socketAddress(port: Int(port)),
        let socket = service.transports.port(for: remote),
        let bytes = relayed(Array(body.readableBytesView), .udp, isV6: address.isV6, for: peer)
      else { return answer(PeerFrame(.noFlow)) }
      answer(PeerFrame(socket.send(bytes, to: remote) ? .delivered : .noFlow))
    case .returned:
      if let message = try? SIPMessage(parsing: Array(body.readableBytesView), limits: .stream),
        !message.isRequest,
        let actions = desk.table.responseReceived(message, at: ProxyDesk.milliseconds(ServerClock.now()))
      {
        desk.perform(actions)
      } else {
        metrics.dropped(.strayResponse)
      }
      answer(PeerFrame(.delivered))
    default:
      break
    }
  }

  private func lookup(_ addressOfRecord: String) -> PeerFrame {
    guard let groups = service.agent.groupCount else { return PeerFrame(.noReplica) }
    let group = RoutingGroupID(addressOfRecord: addressOfRecord.utf8, groups: groups)
    guard service.agent.holdsReplica(group), service.agent.staleness <= configuration.maxStale else {
      return PeerFrame(.noReplica)
    }
    let record = service.agent.record(of: addressOfRecord, in: group)
    return PeerFrame(.record, body: ByteBuffer(bytes: record?.bytes ?? []))
  }

  /// A request that another server has us hand to a client. We add a Via, by which the answer finds the way back through
  /// the link, and, where that server has put its Record-Route, one of our own: the client's stream is here.
  private func relayed(_ bytes: [UInt8], _ kind: TransportKind, isV6: Bool, for peer: ServerName) -> [UInt8]?
  {
    guard let local = service.transports.local(kind, isV6: isV6),
      let message = try? SIPMessage(parsing: bytes, limits: .stream), message.isRequest,
      let via = try? message.topVia
    else { return nil }
    var change = SIPForwarding()
    let branch = String(decoding: seal.relayBranch(of: via, for: peer), as: UTF8.self)
    let rport = kind == .udp ? ";rport" : ""
    change.via = Array("SIP/2.0/\(kind.token) \(local);branch=\(branch)\(rport)".utf8)
    if message.method.makesDialogs, let route = try? message.recordRoutes.first?.uri, let user = route.user,
      let callID = message.header(.callID), seal.dialog(of: user, callID: callID)?.side == .callee
    {
      let token = String(decoding: user, as: UTF8.self)
      let transport = kind == .udp || route.scheme == .sips ? "" : ";transport=\(kind.token.lowercased())"
      let scheme = route.scheme == .sips ? "sips" : "sip"
      change.recordRoutes = [Array("<\(scheme):\(token)@\(local)\(transport);lr>".utf8)]
    }
    guard let changed = try? change.apply(to: message) else { return nil }
    metrics.forwarded.increment()
    return changed
  }

  /// Hands a response to the server whose request we had delivered.
  /// - Returns: whether it is one to such a request.
  func handBack(_ response: SIPMessage) -> Bool {
    guard let branch = try? response.topVia.branch, let server = seal.server(ofRelayBranch: branch) else {
      return false
    }
    var change = SIPForwarding()
    change.removesTopVia = true
    guard let bytes = try? change.apply(to: response) else { return false }
    metrics.forwarded.increment()
    service.network.link(to: server).call(.returned, ByteBuffer(bytes: bytes)) { [metrics] answer in
      if case .frame = answer { return }
      metrics.dropped(.unsendable)
    }
    return true
  }
}
