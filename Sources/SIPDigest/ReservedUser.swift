import Crypto

/// The users that the pool's own tools register: `quorate-proof-<server>` to prove that a server serves, and
/// `quorate-proof-probe-<number>` to see what users see. Nobody else may register them: a tool shows that it knows the
/// pool's secret, in a header field of its own. They are no users to anybody else: nobody reaches or counts them.
public enum ReservedUser {
  /// The header field that carries the proof.
  public static let header = "X-Quorate-Proof"
  private static let prefix = "quorate-proof-"

  /// The reserved user of a server.
  public static func name(for server: String) -> String { prefix + server }

  /// Whether a canonical address-of-record is reserved.
  public static func isReserved(_ addressOfRecord: String) -> Bool {
    addressOfRecord.utf8.dropFirst(4).starts(with: prefix.utf8)
  }

  /// The value of the header field for a request, in hex. It is of that request only: with the Call-ID and CSeq that it is
  /// good for nobody can register anything that was not registered already (RFC 3261 section 10.3 step 7).
  /// - Parameters:
  ///   - addressOfRecord: the reserved one, in its canonical form; it names the server.
  ///   - secret: of the pool, as nonces are made with.
  public static func proof(
    callID: some Sequence<UInt8>,
    cseq: UInt32,
    addressOfRecord: String,
    secret: [UInt8]
  ) -> [UInt8] {
    var code = HMAC<SHA256>(key: SymmetricKey(data: secret))
    // The first byte differs from that of a nonce, which is made with the same secret.
    code.update(data: Array("proof 2 \(cseq) \(addressOfRecord)\n".utf8))
    code.update(data: Array(callID))
    return Hex.text(code.finalize())
  }

  /// Whether a value is the right one.
  public static func isProof(
    _ value: some Collection<UInt8>,
    callID: some Sequence<UInt8>,
    cseq: UInt32,
    addressOfRecord: String,
    secret: [UInt8]
  ) -> Bool {
    equalsInConstantTime(
      value,
      proof(callID: callID, cseq: cseq, addressOfRecord: addressOfRecord, secret: secret)
    )
  }
}
