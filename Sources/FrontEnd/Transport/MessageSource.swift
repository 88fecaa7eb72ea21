import NIOCore
import PoolModel

/// Where a message came from, and the way back to there.
struct MessageSource {
  /// The way back.
  enum Way {
    /// By the UDP socket that it came in on.
    case datagram(DatagramPort)
    /// By the stream that it came in on.
    case stream(StreamFlow)
    /// It was passed in by another server, which keeps the way back.
    case peer
  }

  /// How the client carried it.
  var kind: TransportKind
  /// The client's address as it was seen.
  var address: IPAddress
  /// The client's port as it was seen.
  var port: UInt16
  /// The server that the client sent it to.
  var server: ServerName
  /// The stream it came on, at that server; 0 for UDP.
  var flow: UInt64
  /// The way back.
  var way: Way
  /// Address and port as the system has them, of a datagram: to make them anew for its answer costs.
  var remote: SocketAddress?
  /// The port that an answer over UDP goes to, once the topmost Via was read; 0 before.
  var answerPort: UInt16 = 0

  /// Whether another server passed it in.
  var isPassedIn: Bool { if case .peer = way { true } else { false } }

  /// Whether the transport loses nothing (RFC 3261 section 17).
  var isReliable: Bool { kind != .udp }
}

/// A request that is passed on to the primary of its group, as it stands in a frame: a header with its own length, so
/// that a newer release can append to it, then the request as it came.
struct PassedRequest {
  var kind: TransportKind
  var address: IPAddress
  var port: UInt16
  var server: ServerName
  var flow: UInt64
  var bytes: [UInt8]

  /// What is passed on of a request.
  init(_ bytes: [UInt8], from source: MessageSource) {
    kind = source.kind
    address = source.address
    port = source.port
    server = source.server
    flow = source.flow
    self.bytes = bytes
  }

  /// Reads a frame's body; `nil` when it is malformed.
  init?(_ body: ByteBuffer) {
    var body = body
    guard let length: UInt16 = body.readInteger(), var header = body.readSlice(length: Int(length)),
      let kind = header.readInteger(as: UInt8.self).flatMap(TransportKind.init),
      let address = IPAddress.read(from: &header), let port: UInt16 = header.readInteger(),
      let flow: UInt64 = header.readInteger(), let server = header.readLengthPrefixed()
    else { return nil }
    self.kind = kind
    self.address = address
    self.port = port
    self.flow = flow
    self.server = ServerName(String(buffer: server))
    bytes = Array(body.readableBytesView)
  }

  /// The frame's body.
  var body: ByteBuffer {
    var header = ByteBuffer()
    header.writeInteger(kind.rawValue)
    address.write(to: &header)
    header.writeInteger(port)
    header.writeInteger(flow)
    header.writeLengthPrefixed(server.rawValue.utf8)
    var body = ByteBuffer()
    body.reserveCapacity(2 + header.readableBytes + bytes.count)
    body.writeInteger(UInt16(clamping: header.readableBytes))
    body.writeImmutableBuffer(header)
    body.writeBytes(bytes)
    return body
  }

  /// Where it came from, for the server that it was passed to.
  var source: MessageSource {
    MessageSource(kind: kind, address: address, port: port, server: server, flow: flow, way: .peer)
  }
}
