import Glibc
import NIOCore
import NIOPosix

/// The sockets of a client: one connected UDP socket to each server, so that the kernel reports ICMP errors for it, and
/// one that is bound only, which the contacts name and any server may send requests to.
///
/// A connected socket that a send found refused is closed by NIO; it is opened again at the next send. Touched on the
/// event loop only.
final class ClientSockets {
  private enum Link {
    case closed
    case opening([(Int) -> String])
    case open(any Channel, port: Int)
  }

  private let eventLoop: any EventLoop
  private let bootstrap: () -> DatagramBootstrap
  private let addresses: [SocketAddress]
  private let localHost: String
  private let contactPort: Int
  private var links: [Link]
  private var contact: (any Channel)?
  private var isFlushing = false
  private var isClosed = false
  weak var loop: ClientLoop?

  init(configuration: ClientConfiguration, eventLoop: any EventLoop) throws(SIPClientError) {
    self.eventLoop = eventLoop
    localHost = configuration.localHost
    contactPort = configuration.contactPort
    var addresses: [SocketAddress] = []
    for server in configuration.servers {
      guard let address = try? SocketAddress(ipAddress: server.host, port: server.port) else {
        throw SIPClientError(
          "server \(server.name): \(server.host):\(server.port) is no address; give an IP address"
        )
      }
      addresses.append(address)
    }
    self.addresses = addresses
    links = Array(repeating: .closed, count: addresses.count)
    bootstrap = {
      DatagramBootstrap(group: eventLoop)
        .channelOption(.datagramVectorReadMessageCount, value: 32)
        .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 32 * 4096))
        .channelOption(.socketOption(.so_rcvbuf), value: 4 << 20)
    }
  }

  /// Opens the contacts' socket; gives its port.
  func open() -> EventLoopFuture<Int> {
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    return bootstrap()
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ContactHandler(loop: bound.value.loop))
        }
      }
      .bind(host: localHost, port: contactPort)
      .map { channel in
        bound.value.contact = channel
        return channel.localAddress?.port ?? 0
      }
  }

  /// Sends to a server what `text` makes for the local port it leaves from.
  func send(to server: Int, _ text: @escaping (Int) -> String) {
    guard !isClosed else { return }
    switch links[server] {
    case .open(let channel, let port):
      channel.write(channel.allocator.buffer(string: text(port)), promise: nil)
      flushSoon()
    case .opening(var waiting):
      waiting.append(text)
      links[server] = .opening(waiting)
    case .closed:
      links[server] = .opening([text])
      connect(server)
    }
  }

  private func connect(_ server: Int) {
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    bootstrap()
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = ServerLinkHandler(server: server, sockets: bound.value)
          try channel.pipeline.syncOperations.addHandler(handler)
        }
      }
      .connect(to: addresses[server])
      .whenComplete { result in
        switch result {
        case .success(let channel): bound.value.opened(server, channel)
        case .failure: bound.value.lost(server)
        }
      }
  }

  private func opened(_ server: Int, _ channel: any Channel) {
    guard !isClosed, case .opening(let waiting) = links[server] else {
      channel.close(promise: nil)
      return
    }
    links[server] = .open(channel, port: channel.localAddress?.port ?? 0)
    for text in waiting { send(to: server, text) }
  }

  /// The link to a server was closed, or could not be opened.
  func lost(_ server: Int) {
    links[server] = .closed
    refused(server)
  }

  /// The network said that a server's port is closed. Told later, since it may come out of a write that a step makes.
  func refused(_ server: Int) {
    guard !isClosed else { return }
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute { bound.value.loop?.unreachable(server) }
  }

  /// What this turn of the event loop wrote leaves together (sendmmsg).
  private func flushSoon() {
    guard !isFlushing else { return }
    isFlushing = true
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute { bound.value.flush() }
  }

  private func flush() {
    isFlushing = false
    for link in links {
      if case .open(let channel, _) = link { channel.flush() }
    }
  }

  /// Closes all sockets.
  func close() {
    isClosed = true
    contact?.close(promise: nil)
    contact = nil
    for link in links {
      if case .open(let channel, _) = link { channel.close(promise: nil) }
    }
    links = Array(repeating: .closed, count: links.count)
  }
}

/// Takes the answers of one server.
final class ServerLinkHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>

  private let server: Int
  private let sockets: ClientSockets

  init(server: Int, sockets: ClientSockets) {
    self.server = server
    self.sockets = sockets
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    sockets.loop?.received(unwrapInboundIn(data).data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? IOError, error.errnoCode == ECONNREFUSED { sockets.refused(server) }
  }

  func channelInactive(context: ChannelHandlerContext) { sockets.lost(server) }
}

/// Takes requests that a server passes on to a user, and answers them.
final class ContactHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  typealias OutboundOut = AddressedEnvelope<ByteBuffer>

  private weak var loop: ClientLoop?

  init(loop: ClientLoop?) { self.loop = loop }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let envelope = unwrapInboundIn(data)
    guard let answer = loop?.answer(envelope.data) else { return }
    let buffer = context.channel.allocator.buffer(bytes: answer)
    context.write(
      wrapOutboundOut(AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: buffer)),
      promise: nil
    )
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

  // A server that went away before it had our answer is no matter of ours.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
