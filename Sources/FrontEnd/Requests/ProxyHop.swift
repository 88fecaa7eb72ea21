import NIOCore
import PoolModel
import SIPProxy

/// How the proxy reaches somebody: the destination that its core hands back.
enum ProxyHop {
  /// By a UDP socket of ours.
  case datagram(DatagramPort, SocketAddress)
  /// On a stream of this server that is open already.
  case stream(UInt64)
  /// On a stream that we open, or have opened.
  case connection(StreamTarget)
  /// Through another server of the pool.
  case peer(ServerName, PeerReach)
  /// There is no way.
  case nowhere(ProxySendFailure)
}

/// What another server reaches for us.
enum PeerReach: Hashable {
  /// A stream of its.
  case flow(UInt64)
  /// An address that only its UDP socket may be let through to.
  case datagram(ClientAddress)
}

/// Where a stream is opened to.
struct StreamTarget: Hashable {
  /// TCP or TLS.
  var kind: TransportKind
  /// The address.
  var remote: SocketAddress
  /// The name that the certificate must have; `nil` for the address itself.
  var name: String?
}

/// The address that a client over UDP was seen at.
struct ClientAddress: Hashable {
  /// The address.
  var address: IPAddress
  /// The port.
  var port: UInt16

  /// As NIO takes it.
  var socketAddress: SocketAddress? { address.socketAddress(port: Int(port)) }
}

/// Somebody's place as seen from here, and how a Via towards it names the transport.
struct ProxyWay {
  /// How it is reached.
  var hop: ProxyHop
  /// What carries it.
  var kind: TransportKind
  /// What a sealed route says of it.
  var place: RouteSeal.Place
  /// The same place over TCP, for what is too large for a datagram; `nil` when its URI wants UDP.
  var overTCP: StreamTarget?
}
