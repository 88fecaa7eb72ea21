extension RoutingGroupID {
  /// The group that a user belongs to, for ever: FNV-1a of 64 bits over the canonical address-of-record, modulo
  /// `groups`. It is part of the format of the fabric: to change it is to lose every binding.
  /// - Parameters:
  ///   - addressOfRecord: the canonical AoR as UTF-8, for example `sip:alice@example.com` (RFC 3261 section 10.3 step 5).
  ///   - groups: the pool's number of groups, at least 1.
  public init(addressOfRecord: some Sequence<UInt8>, groups: Int) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in addressOfRecord {
      hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
    // FNV's low bits alone are weak for a small modulus: fold the high half in.
    let folded = hash ^ (hash >> 32)
    self.init(Int(folded % UInt64(max(1, groups))))
  }
}
