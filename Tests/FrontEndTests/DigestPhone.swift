import FabricRecords
import FabricStore
import SIPDigest

@testable import FrontEnd

/// A user with a password, as a phone that knows Digest plays it.
struct DigestUser {
  var name: String
  var password: String
  var algorithm = DigestAlgorithm.sha256
  let realm = "example.com"

  /// The value of Authorization that answers a challenge.
  func answer(
    _ method: String,
    nonce: String,
    count: Int,
    uri: String = "sip:example.com",
    user: String? = nil
  ) -> String {
    func hex(_ text: String) -> String { String(decoding: algorithm.hex(Array(text.utf8)), as: UTF8.self) }
    let nc = String(repeating: "0", count: 8 - String(count, radix: 16).count) + String(count, radix: 16)
    let ha1 = hex("\(name):\(realm):\(password)")
    let response = hex("\(ha1):\(nonce):\(nc):abc:auth:\(hex("\(method):\(uri)"))")
    return "Digest username=\"\(user ?? name)\", realm=\"\(realm)\", nonce=\"\(nonce)\", uri=\"\(uri)\", "
      + "response=\"\(response)\", algorithm=\(algorithm.rawValue), cnonce=\"abc\", qop=auth, nc=\(nc)"
  }

  /// Writes the user into the fabric.
  func add(to store: any FabricStore, algorithms: [DigestAlgorithm] = [.md5, .sha256]) async throws {
    func ha1(_ algorithm: DigestAlgorithm) -> String? {
      guard algorithms.contains(algorithm) else { return nil }
      return String(decoding: algorithm.ha1(user: name, realm: realm, password: password), as: UTF8.self)
    }
    let record = UserRecord(realm: realm, md5: ha1(.md5), sha256: ha1(.sha256))
    let key = FabricKey.user(addressOfRecord: "sip:\(name)@\(realm)").text
    _ = try await store.commit(FabricTransaction(then: [.put(key, FabricCodec.encode(record))]))
  }
}

extension String {
  /// The nonce of a challenge.
  var nonce: String? {
    guard let start = firstRange(of: "nonce=\"") else { return nil }
    return String(self[start.upperBound...].prefix { $0 != "\"" })
  }

  /// All values of a header field.
  func headers(_ name: String) -> [String] {
    split(separator: "\r\n").filter { $0.lowercased().hasPrefix(name.lowercased() + ":") }
      .map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
  }
}
