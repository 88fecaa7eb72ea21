extension SIPURI {
  /// The canonical form of an address-of-record, the key under which everything about a user is kept:
  /// `sip:user@host`, or `sip:host` when there is no user (RFC 3261 section 10.3 step 5).
  ///
  /// Password, port, parameters and headers are left out, the host is in lower case, escapes are undone. The scheme is
  /// always `sip:`, because a `sips:` address is the same user (RFC 5630 section 3.3). To be usable as text, as a part of
  /// a key and as a URI again, bytes of the user that are not printable ASCII, and `%`, `/`, `:`, `@` and those that no
  /// user part has unescaped, are written as `%XX` however they came: two users are the same exactly when these texts are.
  /// - Returns: nil for schemes other than sip and sips.
  public var addressOfRecord: String? {
    guard scheme == .sip || scheme == .sips else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(5 + (userRange?.count ?? 0) + hostRange.count)
    result.append(contentsOf: "sip:".utf8)
    if let userRange {
      var at = userRange.lowerBound
      while at < userRange.upperBound {
        var byte = bytes[at]
        at += 1
        if byte == UInt8(ascii: "%"), at + 1 < userRange.upperBound, let high = hexValue(bytes[at]),
          let low = hexValue(bytes[at + 1])
        {
          byte = high << 4 | low
          at += 2
        }
        Self.appendCanonical(byte, to: &result)
      }
      result.append(UInt8(ascii: "@"))
    }
    for index in hostRange { result.append(lowercase(bytes[index])) }
    return String(decoding: result, as: UTF8.self)
  }

  /// The host in lower case, as text.
  public var canonicalHost: String {
    // A name of up to 15 bytes lies in the string itself: no allocation. The grammar leaves nothing but ASCII in it.
    String(unsafeUninitializedCapacity: hostRange.count) { buffer in
      var at = 0
      for byte in bytes[hostRange] {
        buffer[at] = lowercase(byte)
        at += 1
      }
      return at
    }
  }

  private static func appendCanonical(_ byte: UInt8, to result: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "%"), UInt8(ascii: "@"), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "<"),
      UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\\"),
      0...0x20, 0x7F...0xFF:
      result.append(UInt8(ascii: "%"))
      result.append(hexDigit(byte >> 4))
      result.append(hexDigit(byte & 0x0F))
    default: result.append(byte)
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "A") &+ value &- 10
  }
}
