import Logging
import NIOCore
import PoolModel

/// What the owner of a connection to another server is told.
protocol PeerConnectionOwner: AnyObject {
  /// The peer has proved who it is.
  func peerOpened(_ connection: PeerConnection, peer: ServerName)
  /// A frame came; never before `peerOpened`, and never a ping.
  func peerReceived(_ frame: PeerFrame, on connection: PeerConnection)
  /// The connection is gone. Told once, also when it never opened.
  func peerClosed(_ connection: PeerConnection)
}

/// One connection between two servers, either side of it: handshake, heartbeat, flushing once per turn of the loop.
final class PeerConnection: ChannelInboundHandler {
  typealias InboundIn = PeerFrame
  typealias OutboundOut = ByteBuffer

  /// Silence after which the peer is asked for a sign of life, and how long it may be silent in all.
  static let heartbeat = TimeAmount.milliseconds(500)
  static let silence: Duration = .milliseconds(2_000)

  private(set) var isOpen = false
  private var handshake: PeerHandshake
  private let backlogLimit: Int
  private let logger: Logger
  private weak var owner: (any PeerConnectionOwner)?
  private var context: ChannelHandlerContext?
  private var heartbeatTimer: LoopTimer?
  private var lastHeard = ServerClock.now()
  private var flushIsScheduled = false
  private var backlog = 0
  private var outbound = ByteBuffer()

  init(handshake: PeerHandshake, backlogLimit: Int, owner: any PeerConnectionOwner, logger: Logger) {
    self.handshake = handshake
    self.backlogLimit = backlogLimit
    self.owner = owner
    self.logger = logger
  }

  /// Sends a frame; `false` when the connection is not open or too much waits to be sent.
  func send(_ frame: PeerFrame) -> Bool {
    guard isOpen, backlog + outbound.readableBytes <= backlogLimit else { return false }
    enqueue(frame)
    return true
  }

  /// Closes.
  func close() { context?.close(promise: nil) }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { begin(context) }
  }

  func channelActive(context: ChannelHandlerContext) { begin(context) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    lastHeard = ServerClock.now()
    guard isOpen else { return greet(frame, context) }
    switch frame.type {
    case .ping: enqueue(PeerFrame(.pong, call: frame.call))
    case .pong: break
    default: owner?.peerReceived(frame, on: self)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("peer connection failed", metadata: ["error": "\(error)"])
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    isOpen = false
    heartbeatTimer?.cancel()
    heartbeatTimer = nil
    self.context = nil
    owner?.peerClosed(self)
    owner = nil
  }

  private func begin(_ context: ChannelHandlerContext) {
    guard heartbeatTimer == nil else { return }
    lastHeard = ServerClock.now()
    heartbeatTimer = LoopTimer(on: context.eventLoop, every: Self.heartbeat) { [weak self] in self?.beat() }
    enqueue(handshake.hello)
  }

  private func greet(_ frame: PeerFrame, _ context: ChannelHandlerContext) {
    switch handshake.receive(frame) {
    case .send(let frames):
      frames.forEach(enqueue)
    case .open(let frames, let peer):
      frames.forEach(enqueue)
      isOpen = true
      owner?.peerOpened(self, peer: peer)
    case .refuse(let reason):
      logger.warning(
        "peer refused",
        metadata: ["address": "\(context.channel.remoteAddress?.description ?? "?")", "reason": "\(reason)"]
      )
      context.close(promise: nil)
    }
  }

  private func beat() {
    guard ServerClock.now() - lastHeard < Self.silence else {
      close()
      return
    }
    if isOpen { enqueue(PeerFrame(.ping)) }
  }

  /// Frames of one turn of the loop leave in one write.
  private func enqueue(_ frame: PeerFrame) {
    frame.write(to: &outbound)
    guard !flushIsScheduled, let context else { return }
    flushIsScheduled = true
    context.eventLoop.assumeIsolated().execute { [weak self] in self?.flush() }
  }

  private func flush() {
    flushIsScheduled = false
    guard let context, outbound.readableBytes > 0 else { return }
    let bytes = outbound
    outbound = ByteBuffer()
    backlog += bytes.readableBytes
    let sent = bytes.readableBytes
    context.writeAndFlush(wrapOutboundOut(bytes)).assumeIsolated().whenComplete { [weak self] _ in
      self?.backlog -= sent
    }
  }
}
