import FabricStore
import Foundation
import NIOSSL

/// A user of etcd's own authentication. The password is nowhere written.
struct EtcdCredentials: Sendable, CustomStringConvertible {
  var user: String
  var password: String

  var description: String { "user \(user)" }

  private static let largest = 4_096

  /// Reads the password: the first line of a file that only its owner may read.
  static func read(_ user: EtcdConfiguration.User) throws(FabricStoreError) -> EtcdCredentials {
    try EtcdTLS.checkOwner(user.passwordFile, "password")
    guard let data = FileManager.default.contents(atPath: user.passwordFile), data.count <= largest,
      let line = String(data: data, encoding: .utf8)?.split(separator: "\n", omittingEmptySubsequences: false)
        .first
    else {
      throw FabricStoreError(.permissionDenied, "etcd's password file \(user.passwordFile) cannot be read")
    }
    guard !line.isEmpty else {
      throw FabricStoreError(.permissionDenied, "etcd's password file \(user.passwordFile) is empty")
    }
    return EtcdCredentials(user: user.name, password: String(line))
  }
}

/// How the members are known, and what they are shown.
enum EtcdTLS {
  /// TLS 1.2 and newer, with the files that are configured.
  static func settings(_ files: EtcdConfiguration.TLS) throws(FabricStoreError) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    if let file = files.authority {
      guard let authorities = try? NIOSSLCertificate.fromPEMFile(file), !authorities.isEmpty else {
        throw failure("authority", file, "it holds no PEM certificate that can be read")
      }
      tls.trustRoots = .certificates(authorities)
    }
    guard let own = files.own else { return tls }
    guard let chain = try? NIOSSLCertificate.fromPEMFile(own.certificate), !chain.isEmpty else {
      throw failure("certificate", own.certificate, "it holds no PEM certificate that can be read")
    }
    try checkOwner(own.key, "key")
    guard let key = try? NIOSSLPrivateKey(file: own.key, format: .pem) else {
      throw failure("key", own.key, "it holds no PEM private key that can be read")
    }
    tls.certificateChain = chain.map { .certificate($0) }
    tls.privateKey = .privateKey(key)
    return tls
  }

  /// A secret that others may read is none.
  static func checkOwner(_ path: String, _ what: String) throws(FabricStoreError) {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let mode = attributes?[.posixPermissions] as? Int else {
      throw failure(what, path, "it cannot be read")
    }
    guard mode & 0o077 == 0 else {
      throw failure(what, path, "others than its owner may use it; run 'chmod 600 \(path)'")
    }
  }

  private static func failure(_ what: String, _ path: String, _ reason: String) -> FabricStoreError {
    FabricStoreError(.permissionDenied, "etcd's \(what) file \(path): \(reason)")
  }
}
