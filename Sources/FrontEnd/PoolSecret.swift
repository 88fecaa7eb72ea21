import Crypto
import SIPMessage

extension KeyedHash.Key {
  /// A key for one purpose out of a secret of the pool: two purposes have keys that say nothing about each other.
  init(secret: [UInt8], purpose: String) {
    let bytes = Array(
      HMAC<SHA256>.authenticationCode(for: Array(purpose.utf8), using: SymmetricKey(data: secret))
    )
    func word(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
    self.init(low: word(0..<8), high: word(8..<16))
  }
}
