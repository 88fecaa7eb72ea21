import NIOCore
import PoolModel
import Registrar
import SIPMessage
import SIPProxy

/// Finds how contacts and the next hops of dialogs are reached: on the stream that the client opened, through the server
/// that it did so at, by UDP, or by a stream that we open.
final class TargetFinder {
  private let own: ServerName
  private let transports: TransportSet
  private let network: PeerNetwork
  private let resolver: HostResolver
  private let outgoing: OutgoingStreams

  init(
    server: ServerName,
    transports: TransportSet,
    network: PeerNetwork,
    resolver: HostResolver,
    outgoing: OutgoingStreams
  ) {
    self.outgoing = outgoing
    own = server
    self.transports = transports
    self.network = network
    self.resolver = resolver
  }

  // MARK: - Contacts

  /// The ways to a contact, the best first; the next one is for when that fails.
  /// - Parameter isSecure: whether it must be a `sips:` contact, and be reached over TLS on each hop.
  func ways(to binding: Binding, isSecure: Bool, then: @escaping ([ProxyWay]) -> Void) {
    guard let contact = try? SIPURI(parsing: binding.contact[...]) else { return then([]) }
    let needsTLS = contact.scheme == .sips
    guard needsTLS || !isSecure else { return then([]) }
    let seen = SeenSource(binding.source)
    let place = FlowReference.place(binding.flow) ?? .datagram(of: own)
    let next = Self.nextURI(of: binding) ?? contact
    if place.flow == 0, let seen, seen.kind == .udp, !needsTLS,
      binding.isOutbound || binding.paths.isEmpty && Self.isBehindNAT(next, seen.client)
    {
      // Behind a NAT the contact names an address that only the source of the REGISTER stands for.
      return then([way(toClient: seen.client, at: place.server)].compactMap(\.self))
    }
    var ways: [ProxyWay] = []
    if place.flow != 0, !needsTLS || seen?.kind == .tls {
      let gone = ProxyWay(hop: .nowhere(.flow), kind: seen?.kind ?? .tcp, place: place)
      ways.append(way(over: place) ?? gone)
      // Without its stream a client is there only if it listens where its contact says.
      guard !binding.isOutbound, let seen, !Self.isBehindNAT(next, seen.client),
        NextHop(next, overTLS: needsTLS)?.kind == seen.kind
      else { return then(ways) }
    }
    way(toURI: next, overTLS: needsTLS) { way in then(ways + [way].compactMap(\.self)) }
  }

  /// The first hop towards a contact: its topmost Path, else itself.
  private static func nextURI(of binding: Binding) -> SIPURI? {
    guard let path = binding.paths.first, let address = try? NameAddress(parsing: path[...]) else {
      return nil
    }
    return try? address.uri
  }

  /// Whether a URI names another address than the one that its client was seen at.
  private static func isBehindNAT(_ uri: SIPURI, _ client: ClientAddress) -> Bool {
    guard let named = try? SocketAddress(ipAddress: NextHop.bare(uri.canonicalHost), port: 1) else {
      return false
    }
    return IPAddress(named) != client.address
  }

  // MARK: - Dialogs

  /// The way to an end of a dialog that is not just where its Contact says; `nil` when it is, or when its flow is gone.
  func way(to place: RouteSeal.Place) -> ProxyWay? {
    if let seen = place.seen { return way(toClient: seen, at: place.server) }
    return place.flow == 0 ? nil : way(over: place)
  }

  /// The stream of a client, here or at a server that is there.
  private func way(over place: RouteSeal.Place) -> ProxyWay? {
    if place.server == own {
      guard let flow = transports.flows[place.flow], flow.takesRequests else { return nil }
      return ProxyWay(hop: .stream(flow.id), kind: flow.kind, place: place)
    }
    guard network.address(place.server) != nil else { return nil }
    return ProxyWay(hop: .peer(place.server, .flow(place.flow)), kind: .tcp, place: place)
  }

  /// A client over UDP behind a NAT: from the server that it sends to, while that is there.
  private func way(toClient client: ClientAddress, at server: ServerName) -> ProxyWay? {
    let place = RouteSeal.Place(server: server, flow: 0, seen: client)
    if server != own, network.address(server) != nil {
      return ProxyWay(hop: .peer(server, .datagram(client)), kind: .udp, place: place)
    }
    guard let remote = client.socketAddress, let port = transports.port(for: remote) else { return nil }
    return ProxyWay(hop: .datagram(port, remote), kind: .udp, place: place)
  }

  // MARK: - URIs

  /// The way to the host of a URI; `nil` when it has none that we can reach.
  func way(toURI uri: SIPURI, overTLS: Bool = false, then: @escaping (ProxyWay?) -> Void) {
    guard let next = NextHop(uri, overTLS: overTLS) else { return then(nil) }
    if let remote = try? SocketAddress(ipAddress: next.host, port: next.port) {
      return then(way(to: remote, next, name: nil))
    }
    resolver.resolve(next.host) { [self] addresses in
      let families = transports.ports.map { $0.local.host.contains(":") }
      let usable = addresses.first { families.contains($0.isV6) }
      guard let remote = usable?.socketAddress(port: next.port) else { return then(nil) }
      then(way(to: remote, next, name: next.host))
    }
  }

  private func way(to remote: SocketAddress, _ next: NextHop, name: String?) -> ProxyWay? {
    let place = RouteSeal.Place.datagram(of: own)
    guard next.kind == .udp else {
      let target = StreamTarget(kind: next.kind, remote: remote, name: next.kind == .tls ? name : nil)
      return ProxyWay(hop: .connection(target), kind: next.kind, place: place)
    }
    guard let port = transports.port(for: remote) else { return nil }
    var way = ProxyWay(hop: .datagram(port, remote), kind: .udp, place: place)
    let stream = StreamTarget(kind: .tcp, remote: remote, name: nil)
    if next.takesAnyTransport, !outgoing.failedLately(stream) { way.overTCP = stream }
    return way
  }
}

/// Where a URI says that its host is (RFC 3263 section 4, without SRV and NAPTR).
struct NextHop {
  /// The transport.
  let kind: TransportKind
  /// A name or an address without brackets.
  let host: String
  /// The port.
  let port: Int
  /// Whether the URI leaves the transport to us.
  let takesAnyTransport: Bool

  /// Reads a URI; `nil` for a transport that we do not have.
  /// - Parameter overTLS: whether the hop must be over TLS whatever the URI says.
  init?(_ uri: SIPURI, overTLS: Bool = false) {
    guard uri.scheme == .sip || uri.scheme == .sips else { return nil }
    let needsTLS = overTLS || uri.scheme == .sips
    takesAnyTransport = !needsTLS && !uri.hasParameter("transport")
    switch uri.parameter("transport").map({ String(decoding: $0, as: UTF8.self).lowercased() }) {
    case nil: kind = needsTLS ? .tls : .udp
    case "udp" where !needsTLS: kind = .udp
    case "tcp": kind = needsTLS ? .tls : .tcp
    case "tls": kind = .tls
    default: return nil
    }
    let maddr = uri.parameter("maddr").map { String(decoding: $0, as: UTF8.self).lowercased() }
    host = Self.bare(maddr ?? uri.canonicalHost)
    port = Int(uri.port ?? (kind == .tls ? 5_061 : 5_060))
    guard port > 0 else { return nil }
  }

  /// An address without its brackets.
  static func bare(_ host: String) -> String {
    host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
  }
}

/// The source of a binding, such as `udp:192.0.2.1:5060`.
struct SeenSource {
  /// How the REGISTER was carried.
  let kind: TransportKind
  /// Where it came from.
  let client: ClientAddress

  /// Reads it; `nil` when it is none.
  init?(_ source: [UInt8]) {
    let text = String(decoding: source, as: UTF8.self)
    guard let colon = text.firstIndex(of: ":"),
      let endpoint = Endpoint(String(text[text.index(after: colon)...])),
      let remote = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port),
      let address = IPAddress(remote)
    else { return nil }
    switch text[..<colon] {
    case "udp": kind = .udp
    case "tcp": kind = .tcp
    case "tls": kind = .tls
    default: return nil
    }
    client = ClientAddress(address: address, port: UInt16(clamping: endpoint.port))
  }
}
