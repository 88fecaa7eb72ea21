extension RoutingGroupID {
  /// The group that a user belongs to, for ever: FNV-1a of 64 bits over the canonical address-of-record, modulo
  /// `groups`. It is part of the format of the fabric: to change it is to lose every binding.
  /// - Parameters:
  ///   - addressOfRecord: the canonical AoR as UTF-8, for example `sip:alice@example.com` (RFC 3261 section 10.3 step 5).
  ///   - groups: the pool's number of groups, at least 1.
  public init(addressOfRecord: some Sequence<UInt8>, groups: Int) {
    // To go through a text's bytes one by one takes longer than to hash them.
    let inPlace = addressOfRecord.withContiguousStorageIfAvailable { Self.hash($0) }
    let hash = inPlace ?? Self.hash(addressOfRecord)
    // FNV's low bits alone are weak for a small modulus: fold the high half in.
    let folded = hash ^ (hash >> 32)
    self.init(Int(folded % UInt64(max(1, groups))))
  }

  private static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }
}
