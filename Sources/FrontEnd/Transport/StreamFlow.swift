import NIOCore
import NIOTLS
import PoolModel
import SIPMessage

/// How SIP is carried, as a Via names it.
enum TransportKind: UInt8, Sendable {
  case udp = 0
  case tcp = 1
  case tls = 2

  /// The token of a Via.
  var token: String {
    switch self {
    case .udp: "UDP"
    case .tcp: "TCP"
    case .tls: "TLS"
    }
  }

  /// The same in lower case, as a binding's source begins.
  var lowercaseToken: String {
    switch self {
    case .udp: "udp"
    case .tcp: "tcp"
    case .tls: "tls"
    }
  }
}

/// One TCP (or, behind the TLS handler, TLS) connection: cuts what comes into messages, answers keep-alives, sends.
/// It knows no SIP beyond the framing.
final class StreamFlow: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Names the connection within this server; 0 is never one.
  let id: UInt64
  /// TCP or TLS.
  let kind: TransportKind
  private(set) var remote: SocketAddress?
  private(set) var local: Endpoint?
  /// When something last came or was sent.
  private(set) var lastUse = ServerClock.now()
  /// Since when a message has begun and not ended.
  private(set) var partialSince: Instant?
  /// Whether the other side will send nothing more.
  private(set) var isHalfClosed = false
  /// Bytes that wait to be sent.
  private(set) var backlog = 0

  /// Whether we opened it. Then it is kept for a shorter time when nothing passes.
  var isOutgoing = false
  /// Told once, when it can be written to: over TLS after the handshake.
  var onReady: (() -> Void)?
  /// Told once, when it is gone or was refused.
  var onEnd: (() -> Void)?

  private let limits: FrontEndLimits
  private unowned let owner: any TransportOwner
  private var framer = SIPStreamFramer()
  private var context: ChannelHandlerContext?
  private var isOpened = false
  private var isClosing = false
  private var flushIsScheduled = false

  init(id: UInt64, kind: TransportKind, limits: FrontEndLimits, owner: any TransportOwner) {
    self.id = id
    self.kind = kind
    self.limits = limits
    self.owner = owner
    var framing = SIPLimits.stream
    framing.messageBytes = limits.streamMessageBytes
    framer = SIPStreamFramer(limits: framing)
  }

  /// Whether the connection can be written to.
  var isOpen: Bool { isOpened && !isClosing }

  /// Whether a request on it can still be answered on it.
  var takesRequests: Bool { isOpen && !isHalfClosed }

  /// Sends bytes; `false` when the connection is gone. One that does not read what it is sent is closed.
  @discardableResult
  func send(_ bytes: ByteBuffer) -> Bool {
    guard isOpen, let context else { return false }
    guard backlog + bytes.readableBytes <= limits.streamBacklogBytes else {
      owner.dropped(.slowStream)
      close()
      return false
    }
    lastUse = ServerClock.now()
    let count = bytes.readableBytes
    backlog += count
    context.write(wrapOutboundOut(bytes)).assumeIsolated().whenComplete { [weak self] _ in
      self?.backlog -= count
    }
    if !flushIsScheduled {
      flushIsScheduled = true
      context.eventLoop.assumeIsolated().execute { [weak self] in
        self?.flushIsScheduled = false
        self?.context?.flush()
      }
    }
    return true
  }

  /// Whether the connection should be closed now: silent for too long, or too slow with a message.
  func isOverdue(at now: Instant) -> Bool {
    if let partialSince, now - partialSince > limits.messageTime { return true }
    if isHalfClosed { return now - lastUse > .seconds(2) }
    return now - lastUse > (isOutgoing ? limits.outgoingIdleTime : limits.streamIdleTime)
  }

  /// Closes when everything was sent.
  func close() {
    guard let context, !isClosing else { return }
    isClosing = true
    context.eventLoop.assumeIsolated().execute { [weak self] in
      self?.context?.flush()
      self?.context?.close(promise: nil)
    }
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { open(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    open(context)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard isOpen else { return }
    lastUse = ServerClock.now()
    framer.append(unwrapInboundIn(data).readableBytesView)
    do throws(SIPParseError) {
      while isOpen, let element = try framer.next() {
        switch element {
        case .message(let bytes): owner.received(bytes, on: self)
        case .keepAlivePing: send(ByteBuffer(string: "\r\n"))
        case .keepAlivePong: break
        }
      }
    } catch {
      owner.framingLost(framer.unframed, error, on: self)
      close()
      return
    }
    partialSince = framer.pendingBytes == 0 ? nil : partialSince ?? lastUse
  }

  /// The other side has finished sending: answers still go out, then the owner's next look ends the connection.
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event {
      isHalfClosed = true
    } else if case TLSUserEvent.handshakeCompleted = event {
      partialSince = nil
      becameReady()
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    if isOpened {
      isOpened = false
      owner.closed(self)
    }
    let ended = onEnd
    onEnd = nil
    onReady = nil
    ended?()
  }

  private func becameReady() {
    let ready = onReady
    onReady = nil
    ready?()
  }

  private func open(_ context: ChannelHandlerContext) {
    guard !isOpened else { return }
    remote = context.channel.remoteAddress
    local = context.channel.localAddress.flatMap { address in
      address.ipAddress.map { Endpoint(host: $0, port: address.port ?? 0) }
    }
    isOpened = true
    // A handshake is bounded in time as a message is.
    if kind == .tls { partialSince = lastUse }
    guard owner.opened(self) else {
      isOpened = false
      context.close(promise: nil)
      return
    }
    if kind != .tls { becameReady() }
  }
}
