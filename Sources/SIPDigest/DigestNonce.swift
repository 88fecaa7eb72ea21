import Crypto

/// Makes and checks nonces that nobody has to store: a time and a salt, signed with a key of the pool, so that every
/// server, also of another version, knows them as ours.
public struct DigestNonceMaker: Sendable {
  /// The format in the first byte of a nonce.
  static let format: UInt8 = 1
  private static let payloadBytes = 17
  private static let signatureBytes = 16

  /// How long a nonce is good, in milliseconds.
  public var life: Int64
  /// How far ahead of our clock another server's may be, in milliseconds.
  public var clockTolerance: Int64
  private let current: SymmetricKey
  private let previous: SymmetricKey?
  private let realm: [UInt8]

  /// Makes a maker.
  /// - Parameters:
  ///   - key: the pool's key, 32 bytes at best.
  ///   - previousKey: the key before the last rotation; its nonces are still taken, no new ones are made with it.
  ///   - realm: signed too, so that a nonce counts in one realm.
  public init(
    key: [UInt8],
    previousKey: [UInt8]? = nil,
    realm: String,
    life: Int64 = 600_000,
    clockTolerance: Int64 = 5_000
  ) {
    current = SymmetricKey(data: key)
    previous = previousKey.map { SymmetricKey(data: $0) }
    self.realm = Array(realm.utf8)
    self.life = life
    self.clockTolerance = clockTolerance
  }

  /// Makes a nonce.
  /// - Parameters:
  ///   - now: pool time in milliseconds.
  ///   - salt: random, so that two clients get two nonces.
  public func nonce(at now: Int64, salt: UInt64) -> [UInt8] {
    var payload: [UInt8] = [Self.format]
    payload.reserveCapacity(Self.payloadBytes + Self.signatureBytes)
    Self.append(UInt64(bitPattern: now), to: &payload)
    Self.append(salt, to: &payload)
    return Hex.text(payload + signature(payload, current))
  }

  /// What a nonce is.
  public enum Verdict: Sendable, Hashable {
    /// Ours and good; with the time at which it was made.
    case good(issuedAt: Int64)
    /// Ours, but too old: challenge with `stale=true`.
    case stale
    /// Not ours.
    case forged
  }

  /// Checks a nonce that came back.
  public func verdict(on nonce: ArraySlice<UInt8>, at now: Int64) -> Verdict {
    guard nonce.count == 2 * (Self.payloadBytes + Self.signatureBytes), let bytes = Hex.bytes(nonce) else {
      return .forged
    }
    let payload = Array(bytes[..<Self.payloadBytes])
    let signature = bytes[Self.payloadBytes...]
    let isOurs =
      equalsInConstantTime(signature, self.signature(payload, current))
      || previous.map { equalsInConstantTime(signature, self.signature(payload, $0)) } == true
    guard isOurs, payload.first == Self.format else { return .forged }
    var time: UInt64 = 0
    for byte in payload[1..<9] { time = time << 8 | UInt64(byte) }
    return verdict(issuedAt: Int64(bitPattern: time), at: now)
  }

  /// Checks a nonce that is known to be ours.
  func verdict(issuedAt: Int64, at now: Int64) -> Verdict {
    let (age, overflow) = now.subtractingReportingOverflow(issuedAt)
    guard !overflow, age < life, age >= -clockTolerance else { return .stale }
    return .good(issuedAt: issuedAt)
  }

  private func signature(_ payload: [UInt8], _ key: SymmetricKey) -> [UInt8] {
    var code = HMAC<SHA256>(key: key)
    code.update(data: payload)
    code.update(data: realm)
    return Array(code.finalize().prefix(Self.signatureBytes))
  }

  private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    for shift in stride(from: UInt64(56), through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }
}
