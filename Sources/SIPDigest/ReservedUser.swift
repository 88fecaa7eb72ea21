import Crypto
import SIPMessage

/// The users that the pool's own tools register: `quorate-proof-<server>` to prove that a server serves, and
/// `quorate-proof-probe-<number>` to see what users see. Nobody else may register them: a tool shows that it knows the
/// pool's secret, in a header field of its own. They are no users to anybody else: nobody reaches or counts them.
public enum ReservedUser {
  /// The header field that carries the proof of one request.
  static let header = "X-Quorate-Proof-2"
  /// The one of release 1.0, whose proof is of all requests with a Call-ID. It is sent and taken for as long as a pool may be
  /// patched from that release: who saw one on the wire can register a reserved user with that Call-ID, whom nobody reaches.
  static let earlierHeader = "X-Quorate-Proof"
  private static let prefix = "quorate-proof-"

  /// The reserved user of a server.
  public static func name(for server: String) -> String { prefix + server }

  /// Whether a canonical address-of-record is reserved.
  public static func isReserved(_ addressOfRecord: String) -> Bool {
    addressOfRecord.utf8.dropFirst(4).starts(with: prefix.utf8)
  }

  /// The header fields of a request, without the last line's end. The proof is of that request only: with the Call-ID and CSeq
  /// that it is good for nobody can register anything that was not registered already (RFC 3261 section 10.3 step 7).
  /// - Parameters:
  ///   - addressOfRecord: the reserved one, in its canonical form; it names the server.
  ///   - secret: of the pool, as nonces are made with.
  public static func fields(callID: String, cseq: UInt32, addressOfRecord: String, secret: [UInt8]) -> String
  {
    let own = proof("2 \(cseq)", callID.utf8, addressOfRecord, secret)
    let earlier = proof("1", callID.utf8, addressOfRecord, secret)
    return """
      \(earlierHeader): \(String(decoding: earlier, as: UTF8.self))\r
      \(header): \(String(decoding: own, as: UTF8.self))
      """
  }

  /// Whether a request carries the proof for its address-of-record.
  public static func isProven(_ request: SIPMessage, addressOfRecord: String, secret: [UInt8]) -> Bool {
    guard let callID = try? request.callID, let cseq = try? request.cseq.number else { return false }
    if let given = request.header(named: header) {
      return equalsInConstantTime(given, proof("2 \(cseq)", callID, addressOfRecord, secret))
    }
    guard let given = request.header(named: earlierHeader) else { return false }
    return equalsInConstantTime(given, proof("1", callID, addressOfRecord, secret))
  }

  private static func proof(
    _ kind: String,
    _ callID: some Sequence<UInt8>,
    _ addressOfRecord: String,
    _ secret: [UInt8]
  ) -> [UInt8] {
    var code = HMAC<SHA256>(key: SymmetricKey(data: secret))
    // The first byte differs from that of a nonce, which is made with the same secret.
    code.update(data: Array("proof \(kind) \(addressOfRecord)\n".utf8))
    code.update(data: Array(callID))
    return Hex.text(code.finalize())
  }
}
