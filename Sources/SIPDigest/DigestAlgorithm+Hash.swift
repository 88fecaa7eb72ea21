import Crypto

extension DigestAlgorithm {
  /// The hash in lower-case hex.
  public func hex(_ bytes: [UInt8]) -> [UInt8] {
    switch self {
    case .md5:
      var hash = Insecure.MD5()
      bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
      return Hex.text(hash.finalize())
    case .sha256:
      var hash = SHA256()
      bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
      return Hex.text(hash.finalize())
    }
  }

  /// HA1, which is what is kept of a password: the hash of `user:realm:password`, in hex. It is as good as the password
  /// for this realm and must be kept as secret.
  public func ha1(user: String, realm: String, password: String) -> [UInt8] {
    hex(Array("\(user):\(realm):\(password)".utf8))
  }
}
