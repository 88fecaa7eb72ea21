/// SipHash-2-4: a short hash that nobody without the key can foresee. For tags and branches that every server of a pool
/// must make alike from the same message; not for passwords.
public struct KeyedHash: Sendable {
  private var v0: UInt64
  private var v1: UInt64
  private var v2: UInt64
  private var v3: UInt64
  private var word: UInt64 = 0
  private var count: UInt64 = 0

  /// The key.
  public struct Key: Sendable, Hashable {
    /// First half, little-endian.
    public var low: UInt64
    /// Second half, little-endian.
    public var high: UInt64

    /// Makes a key.
    public init(low: UInt64, high: UInt64) {
      self.low = low
      self.high = high
    }
  }

  /// Begins a hash.
  public init(key: Key) {
    v0 = key.low ^ 0x736f_6d65_7073_6575
    v1 = key.high ^ 0x646f_7261_6e64_6f6d
    v2 = key.low ^ 0x6c79_6765_6e65_7261
    v3 = key.high ^ 0x7465_6462_7974_6573
  }

  /// Takes one byte.
  public mutating func combine(_ byte: UInt8) {
    word |= UInt64(byte) << ((count & 7) &* 8)
    count &+= 1
    if count & 7 == 0 {
      mix(word)
      word = 0
    }
  }

  /// Takes bytes and then a mark, so that ("ab", "c") and ("a", "bc") differ.
  public mutating func combine(field bytes: ArraySlice<UInt8>) {
    combine(bytes: bytes)
    // The length as four bytes.
    var length = UInt64(bytes.count)
    for _ in 0..<4 {
      combine(UInt8(truncatingIfNeeded: length))
      length >>= 8
    }
  }

  /// Takes bytes as they are.
  public mutating func combine(bytes: ArraySlice<UInt8>) {
    let span = bytes.span
    var at = 0
    while at < span.count, count & 7 != 0 {
      combine(span[at])
      at += 1
    }
    // Whole words, which is most of it.
    while span.count - at >= 8 {
      var value: UInt64 = 0
      for offset in 0..<8 { value |= UInt64(span[at + offset]) << UInt64(offset * 8) }
      mix(value)
      count &+= 8
      at += 8
    }
    while at < span.count {
      combine(span[at])
      at += 1
    }
  }

  /// Ends the hash.
  public consuming func finish() -> UInt64 {
    mix(word | (count << 56))
    v2 ^= 0xff
    for _ in 0..<4 { round() }
    return v0 ^ v1 ^ v2 ^ v3
  }

  private mutating func mix(_ value: UInt64) {
    v3 ^= value
    round()
    round()
    v0 ^= value
  }

  private mutating func round() {
    v0 = v0 &+ v1
    v1 = Self.rotate(v1, 13) ^ v0
    v0 = Self.rotate(v0, 32)
    v2 = v2 &+ v3
    v3 = Self.rotate(v3, 16) ^ v2
    v0 = v0 &+ v3
    v3 = Self.rotate(v3, 21) ^ v0
    v2 = v2 &+ v1
    v1 = Self.rotate(v1, 17) ^ v2
    v2 = Self.rotate(v2, 32)
  }

  private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    value << bits | value >> (64 &- bits)
  }

  /// A hash as 16 hex digits, to stand in a tag or branch.
  public static func hex(_ value: UInt64) -> [UInt8] {
    (0..<16).map { index in
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 0x0F
      return digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10
    }
  }
}

extension SIPMessage {
  /// The To tag for answering this request without state: the same for a retransmission, on every server that has the
  /// key, and different for every other request (RFC 3261 section 8.2.7).
  public func statelessToTag(key: KeyedHash.Key) -> [UInt8] {
    var hash = KeyedHash(key: key)
    for name in [SIPHeaderName.callID, .from, .cseq] { hash.combine(field: header(name) ?? []) }
    var values = values(of: .via).makeIterator()
    hash.combine(field: values.next() ?? [])
    return KeyedHash.hex(hash.finish())
  }

  /// What must be the same for a request that comes back to a proxy to be a loop and not a spiral
  /// (RFC 3261 section 16.6 step 8): Request-URI, tags, Call-ID, CSeq number, Route, Proxy-Require and
  /// Proxy-Authorization. Put it into the branch and compare it when our own Via is met again.
  public func loopHash(key: KeyedHash.Key) -> UInt64 {
    var hash = KeyedHash(key: key)
    hash.combine(field: requestURIBytes)
    for name in [SIPHeaderName.to, .from, .callID, .cseq, .route, .proxyRequire, .proxyAuthorization] {
      hash.combine(field: header(name) ?? [])
    }
    return hash.finish()
  }
}
