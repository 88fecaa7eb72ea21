import CoreMetrics
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import PoolModel

/// The streams that this server opens, to contacts that have none open here: one for each address, used again while it
/// is open. What comes back on one is taken like what comes on any other.
final class OutgoingStreams {
  typealias Completion = (Bool) -> Void

  private final class Link {
    var waiting: [(bytes: [UInt8], completion: Completion)] = []
    var waitingBytes = 0
    var flow: StreamFlow?
    var isReady = false
    let since = ServerClock.now()
  }

  private let limits: FrontEndLimits
  private let transports: TransportSet
  private let eventLoop: any EventLoop
  private let metrics: FrontEndMetrics
  private let logger: Logger
  private var links: [StreamTarget: Link] = [:]
  private var waitingBytes = 0
  /// Where nobody took a connection, and when that was.
  private var refused: [StreamTarget: Instant] = [:]
  private var isClosed = false
  /// What a server that we connect to over TLS is checked with; `nil` when it could not be made.
  private let tls: NIOSSLContext?

  init(
    configuration: FrontEndConfiguration,
    transports: TransportSet,
    eventLoop: any EventLoop,
    metrics: FrontEndMetrics,
    logger: Logger
  ) {
    limits = configuration.limits
    self.transports = transports
    self.eventLoop = eventLoop
    self.metrics = metrics
    self.logger = logger
    tls = try? TLSIdentity.clientContext(configuration.tls)
  }

  /// Whether an address took no connection in the last minute, so that one need not be tried where there is another way.
  func failedLately(_ target: StreamTarget) -> Bool {
    guard let at = refused[target] else { return false }
    return ServerClock.now() - at < .seconds(60)
  }

  /// How many there are, open or being opened.
  var count: Int { links.count }

  /// Sends on the stream to an address, and opens it before if need be.
  /// - Parameter completion: called once, perhaps before this returns: whether the bytes were handed to the stream.
  func send(_ bytes: [UInt8], to target: StreamTarget, completion: @escaping Completion) {
    if let link = links[target] {
      guard link.isReady, let flow = link.flow else { return wait(bytes, link, completion) }
      return completion(flow.send(ByteBuffer(bytes: bytes)))
    }
    guard !isClosed, links.count < limits.outgoingConnections, target.kind == .tcp || tls != nil else {
      metrics.dropped(.connectionLimit)
      return completion(false)
    }
    let link = Link()
    links[target] = link
    wait(bytes, link, completion)
    open(target, link)
  }

  private func wait(_ bytes: [UInt8], _ link: Link, _ completion: @escaping Completion) {
    guard link.waiting.count < limits.outgoingWaiting,
      waitingBytes + bytes.count <= limits.outgoingWaitingBytes
    else {
      metrics.dropped(.unsendable)
      return completion(false)
    }
    link.waiting.append((bytes, completion))
    link.waitingBytes += bytes.count
    waitingBytes += bytes.count
  }

  private func open(_ target: StreamTarget, _ link: Link) {
    metrics.connected.increment()
    let flow = transports.makeFlow(target.kind)
    link.flow = flow
    flow.isOutgoing = true
    flow.onReady = { [weak self, weak link] in
      guard let self, let link else { return }
      ready(link)
    }
    flow.onEnd = { [weak self, weak link] in
      guard let self, let link else { return }
      ended(target, link)
    }
    let bound = NIOLoopBound((streams: self, flow: flow, link: link), eventLoop: eventLoop)
    ClientBootstrap(group: eventLoop)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .connectTimeout(.nanoseconds(limits.connectTime.nanoseconds))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let (streams, flow, _) = bound.value
          if target.kind == .tls {
            guard let tls = streams.tls else { throw ChannelError.operationUnsupported }
            let handler = try NIOSSLClientHandler(context: tls, serverHostname: target.name)
            try channel.pipeline.syncOperations.addHandler(handler)
          }
          try channel.pipeline.syncOperations.addHandler(flow)
        }
      }
      .connect(to: target.remote)
      .assumeIsolated()
      .whenFailure { error in
        let (streams, _, link) = bound.value
        streams.logger.debug(
          "cannot connect",
          metadata: ["address": "\(target.remote)", "error": "\(error)"]
        )
        streams.ended(target, link)
      }
  }

  private func ready(_ link: Link) {
    link.isReady = true
    let waiting = take(link)
    for (bytes, completion) in waiting { completion(link.flow?.send(ByteBuffer(bytes: bytes)) == true) }
  }

  private func ended(_ target: StreamTarget, _ link: Link) {
    guard links[target] === link else { return }
    links[target] = nil
    if !link.isReady {
      metrics.connectFailed.increment()
      if refused.count >= limits.outgoingConnections { refused = [:] }
      refused[target] = ServerClock.now()
    }
    for (_, completion) in take(link) { completion(false) }
  }

  private func take(_ link: Link) -> [(bytes: [UInt8], completion: Completion)] {
    defer { link.waiting = [] }
    waitingBytes -= link.waitingBytes
    link.waitingBytes = 0
    return link.waiting
  }

  /// Gives up streams that do not get ready, a handshake that does not end among them.
  func sweep(at now: Instant) {
    for (target, link) in links where !link.isReady && now - link.since > limits.connectTime {
      link.flow?.close()
      ended(target, link)
    }
  }

  /// Opens no more.
  func close() {
    isClosed = true
    let all = links
    for (target, link) in all { ended(target, link) }
  }
}
