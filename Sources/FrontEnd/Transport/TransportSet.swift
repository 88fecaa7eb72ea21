import CoreMetrics
import Logging
import NIOCore
import NIOSSL
import PoolModel
import SIPMessage

/// Takes the messages that came in whole.
protocol MessageReceiver: AnyObject {
  /// A message came; it is not parsed yet.
  func received(_ bytes: [UInt8], from source: MessageSource)
  /// The head of something on a stream that cannot be framed: answer what can be answered, the stream is closed.
  func receivedUnframed(_ head: [UInt8], _ error: SIPParseError, from source: MessageSource)
}

/// All sockets towards clients: the UDP ports and the open streams, with the limits on them.
final class TransportSet: TransportOwner {
  private let configuration: FrontEndConfiguration
  private let metrics: FrontEndMetrics
  private(set) var ports: [DatagramPort] = []
  private(set) var flows: [UInt64: StreamFlow] = [:]
  private var perPeer: [IPAddress: Int] = [:]
  private var listeners: [any Channel] = []
  /// Begins at the time of day: a binding that names a stream of the process before this one finds no stream.
  private var nextFlow = UInt64(clamping: ServerClock.wallMilliseconds()) << 20
  private var isClosing = false
  /// Where TLS is taken; `nil` for nowhere.
  private(set) var tlsAddress: Endpoint?
  /// What is shown to clients over TLS; connections that are open keep theirs.
  var tls: NIOSSLContext?

  /// Who gets the messages.
  weak var receiver: (any MessageReceiver)?
  /// A stream ended.
  var onFlowClosed: (UInt64) -> Void = { _ in }

  init(configuration: FrontEndConfiguration, metrics: FrontEndMetrics) {
    self.configuration = configuration
    self.metrics = metrics
  }

  /// A handler for a UDP socket that is about to be bound.
  func makePort(_ endpoint: Endpoint) -> DatagramPort {
    DatagramPort(local: endpoint, owner: self)
  }

  /// A handler for a stream that was accepted or is being made.
  func makeFlow(_ kind: TransportKind) -> StreamFlow {
    defer { nextFlow &+= 1 }
    return StreamFlow(id: nextFlow, kind: kind, limits: configuration.limits, owner: self)
  }

  /// Takes the channels of an address that is open, and the handler of its datagrams.
  func adopt(_ channels: [any Channel], _ port: DatagramPort) {
    listeners += channels
    ports.append(port)
  }

  /// Puts the handlers of a TLS connection into its channel.
  func accept(tls channel: any Channel) throws {
    guard let tls else { throw ChannelError.operationUnsupported }
    try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: tls), makeFlow(.tls)])
  }

  /// Takes the channel that listens for TLS.
  func adopt(tls channel: any Channel, at address: Endpoint) {
    listeners.append(channel)
    tlsAddress = address
  }

  /// Our own address in a Via or a Record-Route, for a transport; of the address family asked for, if we have that.
  func local(_ kind: TransportKind, isV6: Bool) -> Endpoint? {
    if kind == .tls, let tlsAddress { return tlsAddress }
    return (ports.first { $0.local.host.contains(":") == isV6 } ?? ports.first)?.local
  }

  /// The UDP socket that reaches an address.
  func port(for remote: SocketAddress) -> DatagramPort? {
    let isV6 = if case .v6 = remote { true } else { false }
    return ports.first { $0.local.host.contains(":") == isV6 }
  }

  /// Whether host and port, as a URI has them, name this server.
  func isOwn(_ host: String, _ port: UInt16?, isTLS: Bool = false) -> Bool {
    let wanted = Int(port ?? (isTLS ? 5_061 : 5_060))
    for own in ports where own.local.port == wanted && own.local.uriHost == host { return true }
    guard let tlsAddress else { return false }
    return tlsAddress.port == wanted && tlsAddress.uriHost == host
  }

  /// Closes streams that are silent for too long or too slow.
  func sweep(at now: Instant) {
    for flow in flows.values where flow.isOverdue(at: now) {
      if flow.partialSince != nil { dropped(.slowStream) } else if flow.isHalfClosed { dropped(.halfClosed) }
      flow.close()
    }
  }

  /// How full the fullest UDP socket is, and how many datagrams were lost for want of room since this was last asked.
  func datagramMemory() -> (fill: Double, lost: Int) {
    var (fullest, lost) = (0.0, 0)
    for port in ports {
      guard let memory = port.memory() else { continue }
      fullest = max(fullest, memory.fill)
      lost += memory.lost
    }
    metrics.dropped(.socketFull, lost)
    return (fullest, lost)
  }

  /// Closes every stream.
  func closeStreams() { for flow in flows.values { flow.close() } }

  /// Closes everything.
  func close() {
    isClosing = true
    for channel in listeners { channel.close(promise: nil) }
    closeStreams()
  }

  func received(_ datagram: [UInt8], from remote: SocketAddress, on port: DatagramPort) {
    guard let address = IPAddress(remote), let remotePort = remote.port, remotePort > 0 else {
      return dropped(.malformed)
    }
    if datagram.first == 0,
      let answer = STUNBinding.response(to: datagram, from: address, port: UInt16(clamping: remotePort))
    {
      port.send(answer, to: remote)
      return
    }
    receiver?.received(
      datagram,
      from: MessageSource(
        kind: .udp,
        address: address,
        port: UInt16(clamping: remotePort),
        server: configuration.server,
        flow: 0,
        way: .datagram(port),
        remote: remote
      )
    )
  }

  func received(_ message: [UInt8], on flow: StreamFlow) {
    guard let source = source(of: flow) else { return }
    receiver?.received(message, from: source)
  }

  func framingLost(_ head: [UInt8], _ error: SIPParseError, on flow: StreamFlow) {
    dropped(.framingLost)
    guard let source = source(of: flow) else { return }
    receiver?.receivedUnframed(head, error, from: source)
  }

  func opened(_ flow: StreamFlow) -> Bool {
    guard !isClosing, let address = flow.remote.flatMap({ IPAddress($0) }) else { return false }
    let limits = configuration.limits
    guard flows.count < limits.connections, perPeer[address, default: 0] < limits.connectionsPerPeer else {
      dropped(.connectionLimit)
      return false
    }
    flows[flow.id] = flow
    perPeer[address, default: 0] += 1
    metrics.streams.set(flows.count)
    return true
  }

  func closed(_ flow: StreamFlow) {
    guard flows.removeValue(forKey: flow.id) != nil else { return }
    if let address = flow.remote.flatMap({ IPAddress($0) }) {
      let left = perPeer[address, default: 1] - 1
      perPeer[address] = left > 0 ? left : nil
    }
    metrics.streams.set(flows.count)
    onFlowClosed(flow.id)
  }

  func dropped(_ reason: DropReason) { metrics.dropped(reason) }

  private func source(of flow: StreamFlow) -> MessageSource? {
    guard let remote = flow.remote, let address = IPAddress(remote) else { return nil }
    return MessageSource(
      kind: flow.kind,
      address: address,
      port: UInt16(clamping: remote.port ?? 0),
      server: configuration.server,
      flow: flow.id,
      way: .stream(flow)
    )
  }
}
