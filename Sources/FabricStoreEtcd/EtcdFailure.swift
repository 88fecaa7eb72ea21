import AsyncHTTPClient
import FabricStore
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOPosix
import NIOSSL

/// A call to one member that failed, and whether another member may do better.
struct EtcdFailure: Error {
  var error: FabricStoreError
  /// The fault is this member's or the way's to it: ask the next.
  var isOfMember = false
  /// The token ran out, or there was none.
  var needsSignIn = false

  init(_ error: FabricStoreError, isOfMember: Bool = false) {
    self.error = error
    self.isOfMember = isOfMember
  }

  /// No answer came.
  init(_ error: any Error, at endpoint: String) {
    isOfMember = true
    if let reason = Self.tlsReason(error) {
      self.error = FabricStoreError(
        .permissionDenied,
        "etcd at \(endpoint): TLS failed, \(reason); see 'etcd:' in docs/operating/pool-file.md"
      )
      return
    }
    // A connection that was not made has not carried the request; of any other failure that is not known.
    let refused = error is NIOConnectionError || (error as? HTTPClientError) == .connectTimeout
    self.error = FabricStoreError(
      .unavailable,
      "etcd at \(endpoint): \(Self.words(error))",
      outcome: refused ? .notApplied : .unknown
    )
  }

  /// An error that etcd answered with.
  init(_ body: ByteBuffer, status: UInt, at endpoint: String) {
    let text =
      (try? JSONDecoder().decode(EtcdMessage.Failure.self, from: body))?.text
      ?? Self.plain(body, status: status)
    let message = "etcd at \(endpoint): \(text)"
    func says(_ parts: String...) -> Bool { parts.contains { text.contains($0) } }
    if says("has been compacted") {
      error = FabricStoreError(.compacted, message)
    } else if says("future revision") {
      error = FabricStoreError(.invalidRequest, message)
    } else if says("lease not found") {
      error = FabricStoreError(.leaseNotFound, message)
    } else if says("no space", "space exceeded") {
      error = FabricStoreError(
        .noSpace,
        "\(message); it takes no writes until it is compacted, defragmented and disarmed: quorate fabric compact "
          + "(docs/operating/etcd.md)"
      )
    } else if says("invalid auth token", "user name is empty", "auth store is old") || status == 401 {
      error = FabricStoreError(.permissionDenied, message)
      needsSignIn = true
    } else if says("CommonName of client") {
      error = FabricStoreError(
        .permissionDenied,
        "etcd at \(endpoint) takes no client certificate with a common name (CN) through its gateway; make ours without one "
          + "(docs/operating/etcd.md)"
      )
    } else if says("authentication failed", "permission denied") {
      error = FabricStoreError(.permissionDenied, message)
    } else if says("duplicate key", "too many operations", "too large") {
      error = FabricStoreError(.invalidRequest, message)
    } else {
      // What etcd turned away at its door was not proposed.
      let turnedAway = says("too many requests", "authentication is not enabled")
      error = FabricStoreError(.unavailable, message, outcome: turnedAway ? .notApplied : .unknown)
      isOfMember = true
    }
  }

  /// What an answer says that is no JSON, as from a proxy.
  private static func plain(_ body: ByteBuffer, status: UInt) -> String {
    let words = String(buffer: body).split { $0.isNewline || $0 == " " }.joined(separator: " ")
    return words.isEmpty ? "HTTP status \(status)" : "HTTP status \(status): \(words.prefix(200))"
  }

  /// What TLS did not like; `nil` for an error that is not TLS's.
  private static func tlsReason(_ error: any Error) -> String? {
    switch error {
    case let error as NIOSSLExtraError:
      error == .failedToValidateHostname ? "the member's certificate is for another host" : "\(error)"
    case let error as NIOSSLError: words(error)
    case let error as BoringSSLError: words(error)
    default: nil
    }
  }

  private static func words(_ error: any Error) -> String {
    if let error = error as? HTTPClientError {
      return switch error {
      case .deadlineExceeded, .readTimeout: "no answer in time"
      case .connectTimeout: "no connection in time"
      case .remoteConnectionClosed: "the connection was closed"
      default: "\(error)"
      }
    }
    let text = "\(error)"
    for (sign, reason) in [
      (
        "CERTIFICATE_VERIFY_FAILED",
        "the member's certificate is not signed by the authority that is configured"
      ),
      ("CERTIFICATE_REQUIRED", "the member asks for a client certificate"),
      ("BAD_CERTIFICATE", "the member does not accept our certificate"),
      ("UNKNOWN_CA", "the member does not know the authority of our certificate"),
      ("failedToLoadPrivateKey", "our key is not that of our certificate"),
      ("WRONG_VERSION_NUMBER", "the member does not speak TLS"),
    ] where text.contains(sign) { return reason }
    return text
  }
}
