import NIOCore
import SIPMessage

/// What the owner of the transports is told.
protocol TransportOwner: AnyObject {
  /// A datagram came.
  func received(_ datagram: [UInt8], from remote: SocketAddress, on port: DatagramPort)
  /// A whole message came on a stream.
  func received(_ message: [UInt8], on flow: StreamFlow)
  /// What came on a stream cannot be cut into messages; it is closed after this.
  func framingLost(_ head: [UInt8], _ error: SIPParseError, on flow: StreamFlow)
  /// A stream was opened; `false` refuses it.
  func opened(_ flow: StreamFlow) -> Bool
  /// A stream is gone. Told for every stream that was opened.
  func closed(_ flow: StreamFlow)
  /// Something that came was dropped before it was a message.
  func dropped(_ reason: DropReason)
}

/// One UDP socket.
final class DatagramPort: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>

  /// Where it listens, as other parties reach it.
  private(set) var local: Endpoint
  private unowned let owner: any TransportOwner
  private var context: ChannelHandlerContext?
  private var sender: DatagramSender?

  init(local: Endpoint, owner: any TransportOwner) {
    self.local = local
    self.owner = owner
  }

  /// Sends a datagram; `false` when it cannot be sent: the socket is closed, or the system knows no way there.
  @discardableResult
  func send(_ bytes: [UInt8], to remote: SocketAddress) -> Bool {
    sender?.send(bytes, to: remote) == true
  }

  /// How its memory is used; `nil` when that is not known.
  func memory() -> DatagramSender.Memory? { sender?.memory() }

  /// Stops listening.
  func close() { context?.close(promise: nil) }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func channelActive(context: ChannelHandlerContext) {
    if let port = context.channel.localAddress?.port { local.port = port }
    sender = DatagramSender(context.channel)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let envelope = unwrapInboundIn(data)
    owner.received(Array(envelope.data.readableBytesView), from: envelope.remoteAddress, on: self)
  }

  /// An error of one datagram (ICMP, a short buffer) is not the end of the socket.
  func errorCaught(context: ChannelHandlerContext, error: any Error) { owner.dropped(.socketError) }

  func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    sender?.close()
    sender = nil
  }
}
