import FabricRecords
import SIPDigest

/// The hashes of one user, packed: a server keeps those of all users in memory.
struct UserHashes: Hashable, Sendable {
  private struct Has: OptionSet {
    let rawValue: UInt8
    static let md5 = Has(rawValue: 1)
    static let sha256 = Has(rawValue: 2)
  }

  private var md5: (UInt64, UInt64) = (0, 0)
  private var sha256: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  private var has: UInt8 = 0

  /// No hash: a user who is there and can prove nothing.
  init() {}

  /// The hashes of a record, when they were made for `realm`; those of another realm are worth nothing here.
  init(_ record: UserRecord, realm: String) {
    guard record.realm == realm else { return }
    if let text = record.md5, let words = Self.words(text, count: 2) {
      md5 = (words[0], words[1])
      has |= Has.md5.rawValue
    }
    if let text = record.sha256, let words = Self.words(text, count: 4) {
      sha256 = (words[0], words[1], words[2], words[3])
      has |= Has.sha256.rawValue
    }
  }

  /// The hash by one algorithm, as the check of an answer takes it; empty when there is none.
  func secrets(for algorithm: DigestAlgorithm) -> UserSecrets {
    let flags = Has(rawValue: has)
    switch algorithm {
    case .md5: return flags.contains(.md5) ? [.md5: Self.hex([md5.0, md5.1])] : [:]
    case .sha256:
      return flags.contains(.sha256)
        ? [.sha256: Self.hex([sha256.0, sha256.1, sha256.2, sha256.3])] : [:]
    }
  }

  /// The algorithms that the user can be offered; `nil` for all, also when it has no hash at all.
  var usable: [DigestAlgorithm]? {
    let flags = Has(rawValue: has)
    if flags == .md5 { return [.md5] }
    return flags == .sha256 ? [.sha256] : nil
  }

  static func == (left: Self, right: Self) -> Bool {
    left.has == right.has && left.md5 == right.md5 && left.sha256 == right.sha256
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(has)
    hasher.combine(md5.0)
    hasher.combine(sha256.0)
  }

  private static func words(_ text: String, count: Int) -> [UInt64]? {
    let digits = text.utf8.compactMap { byte -> UInt64? in
      switch byte {
      case 0x30...0x39: UInt64(byte - 0x30)
      case 0x61...0x66: UInt64(byte - 0x61 + 10)
      default: nil
      }
    }
    guard digits.count == count * 16, text.utf8.count == digits.count else { return nil }
    return stride(from: 0, to: digits.count, by: 16).map { start in
      digits[start..<(start + 16)].reduce(0) { $0 << 4 | $1 }
    }
  }

  private static let digits = Array("0123456789abcdef".utf8)

  private static func hex(_ words: [UInt64]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(words.count * 16)
    for word in words {
      for shift in stride(from: UInt64(60), through: 0, by: -4) {
        text.append(digits[Int(word >> shift & 15)])
      }
    }
    return text
  }
}
