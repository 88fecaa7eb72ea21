import Logging
import NIOCore
import NIOPosix
import PoolModel

/// Answers the calls of other servers.
protocol PeerService: AnyObject {
  /// A call came from `peer`. `answer` may be called once, now or later, or never when the frame is no question.
  func peerCalled(_ frame: PeerFrame, from peer: ServerName, answer: @escaping (PeerFrame) -> Void)
}

/// All connections between this server and the others: one link to each that is called, and a listener for their calls.
final class PeerNetwork: PeerConnectionOwner {
  private let configuration: FrontEndConfiguration
  private let eventLoop: any EventLoop
  private let logger: Logger
  private var links: [ServerName: PeerLink] = [:]
  private var incoming: [ObjectIdentifier: (connection: PeerConnection, peer: ServerName?)] = [:]
  private var listener: (any Channel)?

  /// Who answers.
  weak var service: (any PeerService)?
  /// Where a server of the pool is reached now.
  var address: (ServerName) -> String? = { _ in nil }

  /// A network that neither listens nor is connected.
  init(configuration: FrontEndConfiguration, eventLoop: any EventLoop, logger: Logger) {
    self.configuration = configuration
    self.eventLoop = eventLoop
    self.logger = logger
  }

  /// Takes the listening channel, to close it with the rest.
  func adopt(_ listener: any Channel) { self.listener = listener }

  /// The link to a server.
  func link(to server: ServerName) -> PeerLink {
    if let link = links[server] { return link }
    let link = PeerLink(to: server, eventLoop: eventLoop, limits: configuration.limits) { [weak self] link in
      self?.connect(link)
    }
    links[server] = link
    return link
  }

  /// Calls sent and not yet answered.
  var pendingCalls: Int { links.values.reduce(0) { $0 + $1.pendingCount } }

  /// Ends calls that were not answered in time.
  func sweep(at now: Instant) { links.values.forEach { $0.sweep(at: now) } }

  /// Closes every connection and the listener.
  func close() {
    listener?.close(promise: nil)
    links.values.forEach { $0.close() }
    incoming.values.forEach { $0.connection.close() }
  }

  /// Puts the handlers of a connection that another server made into its channel; closes it when the address is not
  /// one that may connect.
  func accept(_ channel: any Channel) throws {
    guard incoming.count < configuration.limits.peerConnections else {
      logger.warning("peer refused", metadata: ["reason": "too many connections"])
      throw ChannelError.operationUnsupported
    }
    let host = channel.remoteAddress?.ipAddress ?? ""
    guard !configuration.poolKeys.isEmpty || configuration.peerHosts.contains(host) else {
      logger.warning(
        "peer refused",
        metadata: ["address": "\(host)", "reason": "not an address of the pool"]
      )
      throw ChannelError.operationUnsupported
    }
    let connection = makeConnection(.listening, owner: self)
    incoming[ObjectIdentifier(connection)] = (connection, nil)
    try add(connection, to: channel)
  }

  func peerOpened(_ connection: PeerConnection, peer: ServerName) {
    incoming[ObjectIdentifier(connection)] = (connection, peer)
    logger.info("peer connected", metadata: ["peer": "\(peer)"])
  }

  func peerReceived(_ frame: PeerFrame, on connection: PeerConnection) {
    guard let peer = incoming[ObjectIdentifier(connection)]?.peer else { return }
    let call = frame.call
    service?.peerCalled(frame, from: peer) { [weak connection] answer in
      var answer = answer
      answer.call = call
      _ = connection?.send(answer)
    }
  }

  func peerClosed(_ connection: PeerConnection) {
    guard let (_, peer) = incoming.removeValue(forKey: ObjectIdentifier(connection)), let peer else { return }
    logger.info("peer disconnected", metadata: ["peer": "\(peer)"])
  }

  private func connect(_ link: PeerLink) {
    guard let text = address(link.peer), let endpoint = Endpoint(text),
      let remote = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port)
    else {
      // Told later, so that a caller is not called back while it still holds the link.
      eventLoop.assumeIsolated().execute { link.connectFailed() }
      return
    }
    let bound = NIOLoopBound((network: self, link: link), eventLoop: eventLoop)
    ClientBootstrap(group: eventLoop)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .connectTimeout(.milliseconds(500))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let (network, link) = bound.value
          try network.add(network.makeConnection(.connecting, owner: link), to: channel)
        }
      }
      .connect(to: remote)
      .assumeIsolated()
      .whenFailure { [logger] error in
        // The link rests longer after each failure, so that this is a line now and then.
        logger.warning("peer cannot be reached", metadata: ["peer": "\(link.peer)", "error": "\(error)"])
        link.connectFailed()
      }
  }

  private func makeConnection(_ role: PeerHandshake.Role, owner: any PeerConnectionOwner) -> PeerConnection {
    var random = SystemRandomNumberGenerator()
    let nonce = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    return PeerConnection(
      handshake: PeerHandshake(
        role: role,
        name: configuration.server,
        keys: configuration.poolKeys,
        nonce: nonce
      ),
      backlogLimit: configuration.limits.peerBacklogBytes,
      owner: owner,
      logger: logger
    )
  }

  private func add(_ connection: PeerConnection, to channel: any Channel) throws {
    let frames = ByteToMessageHandler(PeerFrameDecoder(limit: configuration.limits.peerFrameBytes))
    try channel.pipeline.syncOperations.addHandlers([frames, connection])
  }
}
