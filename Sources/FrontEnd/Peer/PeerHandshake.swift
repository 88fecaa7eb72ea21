import Crypto
import NIOCore
import PoolModel

/// How two servers of a pool convince each other, before anything else is said on a connection. Each sends its name and
/// a nonce; then the listener, and after it the one who connected, proves by HMAC-SHA256 over both names and nonces that
/// it knows a pool key. The role is part of what is signed, so that a proof cannot be sent back to its maker.
///
/// Without pool keys the proofs are empty, and the listener has looked at the address instead.
struct PeerHandshake {
  /// Who one is on the connection.
  enum Role: String { case connecting, listening }

  /// What to do after a frame.
  enum Action: Equatable {
    /// Send these and wait.
    case send([PeerFrame])
    /// Send these; the peer is the server named.
    case open([PeerFrame], peer: ServerName)
    /// Close: the reason is for the log.
    case refuse(String)
  }

  private enum State {
    case awaitingHello
    case awaitingProof(name: ServerName, nonce: [UInt8])
    case done
  }

  private static let nonceLength = 32
  private let role: Role
  private let name: ServerName
  private let keys: [SymmetricKey]
  private let nonce: [UInt8]
  private var state = State.awaitingHello

  /// A handshake.
  /// - Parameters:
  ///   - keys: the pool's keys, the one to prove with first.
  ///   - nonce: 32 bytes that were never used before.
  init(role: Role, name: ServerName, keys: [[UInt8]], nonce: [UInt8]) {
    self.role = role
    self.name = name
    self.keys = keys.map { SymmetricKey(data: $0) }
    self.nonce = nonce
  }

  /// The first frame, sent when the connection is up.
  var hello: PeerFrame {
    var body = ByteBuffer()
    body.writeLengthPrefixed(name.rawValue.utf8)
    body.writeLengthPrefixed(nonce)
    return PeerFrame(.hello, body: body)
  }

  /// Takes a frame that came before the connection was open.
  mutating func receive(_ frame: PeerFrame) -> Action {
    switch (state, frame.type) {
    case (.awaitingHello, .hello):
      var body = frame.body
      guard let peer = body.readLengthPrefixed(), let theirs = body.readLengthPrefixed(),
        peer.readableBytes <= 64, theirs.readableBytes == Self.nonceLength
      else { return .refuse("its greeting is malformed") }
      let peerName = ServerName(String(buffer: peer))
      let peerNonce = Array(theirs.readableBytesView)
      state = .awaitingProof(name: peerName, nonce: peerNonce)
      return .send(role == .listening ? [proof(to: peerName, nonce: peerNonce)] : [])
    case (.awaitingProof(let peerName, let peerNonce), .proof):
      guard accepts(Array(frame.body.readableBytesView), from: peerName, nonce: peerNonce) else {
        return .refuse("it does not know the pool key")
      }
      state = .done
      return .open(role == .connecting ? [proof(to: peerName, nonce: peerNonce)] : [], peer: peerName)
    default:
      return .refuse("it sent frame type \(frame.rawType) before it was let in")
    }
  }

  private func proof(to peer: ServerName, nonce peerNonce: [UInt8]) -> PeerFrame {
    guard let key = keys.first else { return PeerFrame(.proof) }
    let signed = Self.signed(role, name, peer, nonce, peerNonce)
    return PeerFrame(
      .proof,
      body: ByteBuffer(bytes: HMAC<SHA256>.authenticationCode(for: signed, using: key))
    )
  }

  private func accepts(_ proof: [UInt8], from peer: ServerName, nonce peerNonce: [UInt8]) -> Bool {
    guard !keys.isEmpty else { return true }
    let theirs: Role = role == .connecting ? .listening : .connecting
    let signed = Self.signed(theirs, peer, name, peerNonce, nonce)
    return keys.contains { HMAC<SHA256>.isValidAuthenticationCode(proof, authenticating: signed, using: $0) }
  }

  private static func signed(
    _ role: Role,
    _ from: ServerName,
    _ to: ServerName,
    _ nonce: [UInt8],
    _ other: [UInt8]
  ) -> [UInt8] {
    var text = Array("quorate peer 1 \(role.rawValue)".utf8)
    for part in [Array(from.rawValue.utf8), Array(to.rawValue.utf8), nonce, other] {
      // Length first: no two lists of parts make the same bytes.
      text.append(UInt8(truncatingIfNeeded: part.count))
      text += part
    }
    return text
  }
}

extension ByteBuffer {
  /// Writes at most 255 bytes behind their number.
  mutating func writeLengthPrefixed(_ bytes: some Collection<UInt8>) {
    let bytes = bytes.prefix(255)
    writeInteger(UInt8(truncatingIfNeeded: bytes.count))
    writeBytes(bytes)
  }

  /// Reads what `writeLengthPrefixed` wrote.
  mutating func readLengthPrefixed() -> ByteBuffer? {
    guard let length: UInt8 = readInteger() else { return nil }
    return readSlice(length: Int(length))
  }
}
