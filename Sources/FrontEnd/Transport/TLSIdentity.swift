import Foundation
import NIOSSL

/// Where a server takes SIP over TLS, and what it shows of itself there.
public struct TLSSettings: Hashable, Sendable {
  /// The address.
  public var address: Endpoint
  /// A PEM file with the certificate, those that issued it behind it.
  public var certificate: String
  /// A PEM file with its private key, not encrypted.
  public var key: String
  /// A PEM file with the authorities that contacts we connect to must be certified by; `nil` for those of the system.
  public var authorities: String?

  /// Settings as given.
  public init(address: Endpoint, certificate: String, key: String, authorities: String? = nil) {
    self.address = address
    self.certificate = certificate
    self.key = key
    self.authorities = authorities
  }
}

/// The certificate and key that are shown to clients, read once for many connections.
enum TLSIdentity {
  /// Reads both files and sees that they belong together. TLS 1.2 and 1.3 are spoken.
  static func context(_ settings: TLSSettings) throws(FrontEndError) -> NIOSSLContext {
    let chain: [NIOSSLCertificate]
    do {
      chain = try NIOSSLCertificate.fromPEMFile(settings.certificate)
    } catch {
      throw failure("certificate", settings.certificate, isThere(settings.certificate, "PEM certificate"))
    }
    guard !chain.isEmpty else {
      throw failure("certificate", settings.certificate, "it holds no PEM certificate")
    }
    try checkOwner(settings.key)
    let key: NIOSSLPrivateKey
    do {
      key = try NIOSSLPrivateKey(file: settings.key, format: .pem)
    } catch {
      throw failure("key", settings.key, isThere(settings.key, "PEM private key without a passphrase"))
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) },
      privateKey: .privateKey(key)
    )
    configuration.minimumTLSVersion = .tlsv12
    do {
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw failure("key", settings.key, "it is not the key of certificate \(settings.certificate)")
    }
  }

  /// What contacts that we connect to over TLS are checked with: their certificate must be valid and name the host of
  /// the contact (RFC 5922).
  static func clientContext(_ settings: TLSSettings?) throws(FrontEndError) -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    if let authorities = settings?.authorities {
      guard isReadable(authorities) else { throw failure("authorities", authorities, "it cannot be read") }
      configuration.trustRoots = .file(authorities)
    }
    do {
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw failure("authorities", settings?.authorities ?? "of the system", "they cannot be used: \(error)")
    }
  }

  private static func isReadable(_ path: String) -> Bool { FileManager.default.isReadableFile(atPath: path) }

  private static func checkOwner(_ path: String) throws(FrontEndError) {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let mode = attributes?[.posixPermissions] as? Int, mode & 0o077 != 0 else { return }
    throw failure("key", path, "others than its owner may use it; run 'chmod 600 \(path)'")
  }

  private static func isThere(_ path: String, _ what: String) -> String {
    FileManager.default.isReadableFile(atPath: path) ? "it holds no \(what)" : "it cannot be read"
  }

  private static func failure(_ what: String, _ path: String, _ reason: String) -> FrontEndError {
    FrontEndError(.configuration, "TLS \(what) \(path): \(reason)")
  }
}
