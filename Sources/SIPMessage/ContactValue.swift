/// The Contact header fields of one message, all together.
public enum ContactList: Sendable {
  /// No Contact: a query.
  case none
  /// `*` alone.
  case wildcard
  /// The addresses, in order.
  case contacts([ContactValue])
}

/// One Contact with its `q` and `expires` (RFC 3261 section 20.10).
public struct ContactValue: Sendable {
  /// The address and all parameters.
  public let address: NameAddress
  /// The URI of the address.
  public let uri: SIPURI
  /// `q` in thousandths, 0...1000; nil when it is not there.
  public let q: Int?
  /// `expires` in seconds. A value too large is clamped to 2^32-1, a value that is no number is 3600
  /// (RFC 3261 section 10.2.1.1); nil when it is not there.
  public let expires: UInt32?

  init(_ bytes: [UInt8], _ range: Range<Int>) throws(SIPParseError) {
    address = try NameAddress(bytes, range, header: .contact)
    do throws(SIPParseError) {
      uri = try address.uri
    } catch {
      throw SIPParseError(.badURI, header: .contact)
    }
    // "sip:u@h?Route=..." without brackets is ambiguous, and NameAddress refuses it; in brackets it is right.
    if let value = address.parameters.value("q") {
      guard let q = Self.thousandths(value) else { throw SIPParseError(.badHeaderValue, header: .contact) }
      self.q = q
    } else {
      q = nil
    }
    if let value = address.parameters.value("expires") {
      expires = decimal(bytes, value.indices).map { UInt32(clamping: $0) } ?? 3_600
    } else {
      expires = address.parameters.contains("expires") ? 3_600 : nil
    }
  }

  /// Reads a qvalue: 0 to 1 with up to three decimals; more decimals are cut off.
  static func thousandths(_ value: ArraySlice<UInt8>) -> Int? {
    guard let first = value.first, first == UInt8(ascii: "0") || first == UInt8(ascii: "1") else {
      return nil
    }
    var result = first == UInt8(ascii: "1") ? 1_000 : 0
    let rest = value.dropFirst()
    if rest.isEmpty { return result }
    guard rest.first == UInt8(ascii: ".") else { return nil }
    var scale = 100
    for byte in rest.dropFirst() {
      guard isDigit(byte) else { return nil }
      result += Int(byte &- 0x30) * scale
      scale /= 10
    }
    return result <= 1_000 ? result : nil
  }
}
