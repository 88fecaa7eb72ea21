import SIPMessage

/// The HA1s of one user, in hex; a user who was imported with one of them can use only that algorithm.
public typealias UserSecrets = [DigestAlgorithm: [UInt8]]

/// Challenges and checks by Digest (RFC 7616, RFC 8760, RFC 3261 section 22), without any state but the pool's key.
public struct DigestAuthenticator: Sendable {
  /// The realm.
  public let realm: String
  /// What is offered, best first.
  public let algorithms: [DigestAlgorithm]
  private let nonces: DigestNonceMaker

  /// Makes an authenticator.
  public init(
    realm: String,
    nonces: DigestNonceMaker,
    algorithms: [DigestAlgorithm] = [.sha256, .md5]
  ) {
    self.realm = realm
    self.nonces = nonces
    self.algorithms = algorithms
  }

  /// The challenges of one 401 (or 407), one header field for each algorithm, all with the same nonce.
  /// - Parameters:
  ///   - isStale: the answer was right but its nonce is not: the client tries again without asking its user.
  ///   - proxy: for a 407.
  ///   - usable: what the user can use; of that only what is offered at all. Nil for all: a client that takes the best
  ///     offer cannot be let in by one that its user has no HA1 for.
  ///   - salt: random.
  public func challenges(
    isStale: Bool = false,
    proxy: Bool = false,
    usable: [DigestAlgorithm]? = nil,
    at now: Int64,
    salt: UInt64
  ) throws(SIPWriteError) -> SIPHeaderBlock {
    let nonce = String(decoding: nonces.nonce(at: now, salt: salt), as: UTF8.self)
    var block = SIPHeaderBlock()
    for algorithm in algorithms where usable?.contains(algorithm) ?? true {
      var value =
        "Digest realm=\"\(Self.quoted(realm))\", nonce=\"\(nonce)\", algorithm=\(algorithm.rawValue), qop=\"auth\""
      if isStale { value += ", stale=true" }
      try block.add(proxy ? .proxyAuthenticate : .wwwAuthenticate, value)
    }
    return block
  }

  /// What an answer is worth.
  public enum Verdict: Sendable, Hashable {
    /// Right. The nonce count must still be checked at the primary of the user's group, by `NonceCounts`.
    case proved(nonce: [UInt8], issuedAt: Int64, count: UInt32)
    /// Right but for the age of the nonce: challenge with `stale=true`.
    case stale
    /// Wrong: challenge again. It is not said what is wrong.
    case wrong(Reason)
  }

  /// Why an answer is wrong; for counters, not for clients.
  public enum Reason: String, Sendable, Hashable, CaseIterable {
    /// The nonce is none of ours.
    case forgedNonce
    /// Another realm.
    case wrongRealm
    /// An algorithm that we do not offer, or that this user has no HA1 for.
    case noSecret
    /// No `qop=auth`, cnonce or nc, so that a replay could not be told.
    case noQop
    /// The hash is not the one of this password.
    case wrongHash
  }

  /// Checks an answer.
  /// - Parameters:
  ///   - response: from `DigestResponse.all(in:realm:)`.
  ///   - method: of the request, as it stands there.
  ///   - secrets: of the user named in it; empty for a user that is not there, which takes as long as a wrong password.
  ///   - issuedAt: when the nonce was made, if it has proved to be ours before: that is then not hashed again.
  ///   - now: pool time in milliseconds.
  public func verdict(
    on response: DigestResponse,
    method: ArraySlice<UInt8>,
    secrets: UserSecrets,
    issuedAt known: Int64? = nil,
    at now: Int64
  ) -> Verdict {
    guard response.realm.elementsEqual(realm.utf8) else { return .wrong(.wrongRealm) }
    guard let algorithm = response.algorithm, algorithms.contains(algorithm) else { return .wrong(.noSecret) }
    guard let qop = response.qop, qop[...].equalsLettersIgnoringCase("auth"), let cnonce = response.cnonce,
      let countText = response.nonceCountText, let count = response.nonceCount
    else { return .wrong(.noQop) }
    let nonce =
      known.map { nonces.verdict(issuedAt: $0, at: now) } ?? nonces.verdict(on: response.nonce[...], at: now)
    if nonce == .forged { return .wrong(.forgedNonce) }
    let secret = secrets[algorithm]
    let expected = Self.responseHash(
      algorithm,
      ha1: secret ?? [UInt8](repeating: 0x30, count: algorithm.hexDigits),
      method: method,
      response,
      countText,
      cnonce
    )
    let given = response.response.map { $0 >= 0x41 && $0 <= 0x46 ? $0 | 0x20 : $0 }
    let isRight = equalsInConstantTime(expected, given)
    guard secret != nil else { return .wrong(.noSecret) }
    guard isRight else { return .wrong(.wrongHash) }
    guard case .good(let issuedAt) = nonce else { return .stale }
    return .proved(nonce: response.nonce, issuedAt: issuedAt, count: count)
  }

  /// RFC 7616 section 3.4.1 with qop=auth.
  static func responseHash(
    _ algorithm: DigestAlgorithm,
    ha1: [UInt8],
    method: ArraySlice<UInt8>,
    _ response: DigestResponse,
    _ countText: [UInt8],
    _ cnonce: [UInt8]
  ) -> [UInt8] {
    let colon = UInt8(ascii: ":")
    var text: [UInt8] = []
    text.reserveCapacity(2 * algorithm.hexDigits + response.nonce.count + cnonce.count + 32)
    text.append(contentsOf: method)
    text.append(colon)
    text.append(contentsOf: response.uri)
    let ha2 = algorithm.hex(text)
    text.removeAll(keepingCapacity: true)
    for byte in ha1 { text.append(byte >= 0x41 && byte <= 0x46 ? byte | 0x20 : byte) }
    text.append(colon)
    text.append(contentsOf: response.nonce)
    text.append(colon)
    text.append(contentsOf: countText)
    text.append(colon)
    text.append(contentsOf: cnonce)
    text.append(contentsOf: ":auth:".utf8)
    text.append(contentsOf: ha2)
    return algorithm.hex(text)
  }

  private static func quoted(_ text: String) -> String {
    var result = ""
    for character in text {
      if character == "\"" || character == "\\" { result.append("\\") }
      result.append(character)
    }
    return result
  }
}
