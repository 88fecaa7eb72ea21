import NIOCore
import NIOPosix
import SIPMessage

/// Requests to one address over UDP, one at a time, sent again until they are answered (RFC 3261 section 17.1.2: after
/// 500 ms, then at twice the time before, at most every 4 s).
struct SIPExchange: Sendable {
  /// A final answer.
  struct Reply: Sendable {
    var status: Int
    var reason: String
    var contacts: [String]
  }

  private enum Event: Sendable {
    case datagram([UInt8])
    case tick
  }

  /// This end, `host:port`, as the peer sees it.
  let localAddress: String
  /// Names the exchange.
  let callID: String
  private let channel: any Channel
  private let peer: SocketAddress
  private let events: AsyncStream<Event>
  private let ticker: RepeatedTask

  private static let tick = TimeAmount.milliseconds(100)

  /// Opens a socket towards `address`, which is `host:port`; a host that is an IPv6 address stands in brackets.
  init(to address: String, on eventLoop: any EventLoop) async throws {
    peer = try Self.resolve(address)
    let (events, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(64))
    self.events = events
    channel = try await DatagramBootstrap(group: eventLoop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Receiver { continuation.yield(.datagram($0)) })
        }
      }
      .connect(to: peer).get()
    ticker = channel.eventLoop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { _ in
      continuation.yield(.tick)
    }
    let port = channel.localAddress?.port ?? 0
    let host = channel.localAddress?.ipAddress ?? "127.0.0.1"
    localAddress = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    callID = String(UInt64.random(in: .min ... .max), radix: 16)
  }

  struct BadAddress: Error, CustomStringConvertible {
    var description: String
  }

  private static func resolve(_ address: String) throws -> SocketAddress {
    guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...])
    else {
      throw BadAddress(description: "\"\(address)\" is not host:port")
    }
    var host = address[..<colon]
    if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
    return try SocketAddress.makeAddressResolvingHost(String(host), port: Int(port))
  }

  /// Sends a request and waits for its final answer; `nil` when none comes in time.
  func ask(_ request: [UInt8], sequence: UInt32, until end: ContinuousClock.Instant) async -> Reply? {
    var interval = Duration.milliseconds(500)
    var nextSend = ContinuousClock.now + interval
    send(request)
    for await event in events {
      switch event {
      case .datagram(let bytes):
        if let reply = read(bytes, sequence: sequence) { return reply }
      case .tick:
        let now = ContinuousClock.now
        guard now < end else { return nil }
        if now >= nextSend {
          send(request)
          interval = min(interval * 2, .seconds(4))
          nextSend = now + interval
        }
      }
    }
    return nil
  }

  /// Closes the socket.
  func close() async {
    ticker.cancel()
    try? await channel.close().get()
  }

  private func send(_ bytes: [UInt8]) {
    channel.writeAndFlush(
      AddressedEnvelope(remoteAddress: peer, data: ByteBuffer(bytes: bytes)),
      promise: nil
    )
  }

  private func read(_ bytes: [UInt8], sequence: UInt32) -> Reply? {
    guard let message = try? SIPMessage(parsing: bytes), !message.isRequest, message.status >= 200,
      let answered = try? message.callID, String(decoding: answered, as: UTF8.self) == callID,
      let cseq = try? message.cseq, cseq.number == sequence
    else { return nil }
    return Reply(
      status: message.status,
      reason: String(decoding: message.reasonBytes, as: UTF8.self),
      contacts: message.headers(.contact).map { String(decoding: $0, as: UTF8.self) }
    )
  }

  private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private let received: @Sendable ([UInt8]) -> Void

    init(_ received: @escaping @Sendable ([UInt8]) -> Void) { self.received = received }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received(Array(unwrapInboundIn(data).data.readableBytesView))
    }

    /// Nobody listens there yet (ICMP): the request is sent again.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
  }
}
