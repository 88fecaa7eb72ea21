import NIOCore

/// What a frame between two servers of the pool says.
enum PeerFrameType: UInt8, Sendable {
  /// Who speaks and a fresh nonce: the first frame of each side.
  case hello = 1
  /// Proof that the sender knows a pool key.
  case proof = 2
  /// Asks for a sign of life.
  case ping = 3
  /// Gives it.
  case pong = 4
  /// A client's request that the receiver should answer as the group's primary: a `PassedRequest`.
  case request = 10
  /// The SIP answer to it.
  case response = 11
  /// The receiver does not lead the group: ask elsewhere.
  case notPrimary = 12
  /// The receiver has too much to do.
  case busy = 13
  /// Asks for the record of an address-of-record.
  case lookup = 20
  /// The record's bytes; empty when there is none.
  case record = 21
  /// The receiver holds no replica of the group.
  case noReplica = 22
  /// SIP bytes to send on a flow of the receiver's: a flow number, then the bytes.
  case deliver = 30
  /// They were handed to the flow.
  case delivered = 31
  /// That flow is gone.
  case noFlow = 32
  /// SIP bytes to send from a UDP socket of the receiver's: an address, a port, then the bytes. Answered by `delivered`.
  case deliverDatagram = 33
  /// The response to a request that the receiver had delivered here; answered by `delivered`.
  case returned = 34
  /// Which nonce counts of a group were used, from the server that led it before; answered by `delivered`.
  case nonces = 40
}

/// One frame: length (4 bytes, of what follows), format version (1), type (1), call (8), body. The call's number ties an
/// answer to its question. A receiver skips types it does not know, so that releases can run side by side.
struct PeerFrame: Hashable, Sendable {
  /// The format this release writes.
  static let format: UInt8 = 1
  /// Bytes between the length and the body.
  static let headerLength = 10

  /// The type as it is on the wire.
  var rawType: UInt8
  /// The call it belongs to.
  var call: UInt64
  /// What it carries.
  var body: ByteBuffer

  /// A frame.
  init(_ type: PeerFrameType, call: UInt64 = 0, body: ByteBuffer = ByteBuffer()) {
    rawType = type.rawValue
    self.call = call
    self.body = body
  }

  private init(rawType: UInt8, call: UInt64, body: ByteBuffer) {
    self.rawType = rawType
    self.call = call
    self.body = body
  }

  /// The type, `nil` when a newer release made it.
  var type: PeerFrameType? { PeerFrameType(rawValue: rawType) }

  /// Appends the frame.
  func write(to buffer: inout ByteBuffer) {
    buffer.reserveCapacity(minimumWritableBytes: 4 + Self.headerLength + body.readableBytes)
    buffer.writeInteger(UInt32(clamping: Self.headerLength + body.readableBytes))
    buffer.writeInteger(Self.format)
    buffer.writeInteger(rawType)
    buffer.writeInteger(call)
    buffer.writeImmutableBuffer(body)
  }

  /// Takes the next whole frame off `buffer`; `nil` when it is not all there yet.
  static func read(from buffer: inout ByteBuffer, limit: Int) throws(PeerFrameError) -> PeerFrame? {
    guard let length: UInt32 = buffer.getInteger(at: buffer.readerIndex) else { return nil }
    guard length >= headerLength else { throw .tooShort }
    guard length <= limit else { throw .tooLong(Int(length)) }
    guard buffer.readableBytes >= 4 + Int(length) else { return nil }
    buffer.moveReaderIndex(forwardBy: 4)
    guard let version: UInt8 = buffer.readInteger(), let type: UInt8 = buffer.readInteger(),
      let call: UInt64 = buffer.readInteger(),
      let body = buffer.readSlice(length: Int(length) - headerLength)
    else { throw .tooShort }
    guard version == format else { throw .unknownFormat(version) }
    return PeerFrame(rawType: type, call: call, body: body)
  }
}

/// Why a peer's bytes are no frames; the connection is closed.
enum PeerFrameError: Error, Hashable {
  /// The length is less than a header's.
  case tooShort
  /// The length is beyond the limit.
  case tooLong(Int)
  /// Another format version.
  case unknownFormat(UInt8)
}

/// Cuts a stream into frames.
struct PeerFrameDecoder: NIOSingleStepByteToMessageDecoder {
  typealias InboundOut = PeerFrame

  /// Largest length taken.
  let limit: Int

  mutating func decode(buffer: inout ByteBuffer) throws -> PeerFrame? {
    try PeerFrame.read(from: &buffer, limit: limit)
  }

  mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> PeerFrame? {
    try PeerFrame.read(from: &buffer, limit: limit)
  }
}
