/// The hash of a digest, in the order in which we offer them: the best first (RFC 8760 section 2.4).
public enum DigestAlgorithm: String, Sendable, Hashable, CaseIterable, Codable {
  /// RFC 7616.
  case sha256 = "SHA-256"
  /// RFC 2617, for clients that know nothing else.
  case md5 = "MD5"

  /// Finds the algorithm of a parameter; no case. Nil for one that we do not have, such as `MD5-sess`.
  public init?(_ text: ArraySlice<UInt8>) {
    guard let found = Self.allCases.first(where: { text.equalsLettersIgnoringCase($0.rawValue) }) else {
      return nil
    }
    self = found
  }

  /// How many hex digits a hash has.
  public var hexDigits: Int { self == .md5 ? 32 : 64 }
}

/// Bytes as hex and back.
enum Hex {
  private static let digits = Array("0123456789abcdef".utf8)

  static func text(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(64)
    for byte in bytes {
      result.append(digits[Int(byte >> 4)])
      result.append(digits[Int(byte & 0x0F)])
    }
    return result
  }

  /// Nil for an odd length or what is no hex digit.
  static func bytes(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count % 2 == 0 else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(text.count / 2)
    var high: UInt8?
    for byte in text {
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x61...0x66: digit = byte - 0x61 + 10
      case 0x41...0x46: digit = byte - 0x41 + 10
      default: return nil
      }
      if let first = high {
        result.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return result
  }
}

extension ArraySlice where Element == UInt8 {
  func equalsLettersIgnoringCase(_ text: String) -> Bool {
    let other = text.utf8
    guard other.count == count else { return false }
    for (mine, theirs) in zip(self, other) where Self.lower(mine) != Self.lower(theirs) { return false }
    return true
  }

  private static func lower(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }
}

/// Compares without telling by its time where two values differ.
func equalsInConstantTime(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
  guard left.count == right.count else { return false }
  var difference: UInt8 = 0
  for (a, b) in zip(left, right) { difference |= a ^ b }
  return difference == 0
}
