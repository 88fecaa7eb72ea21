import AsyncHTTPClient
import FabricStore
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Calls to etcd's JSON gateway: one member after another until one answers, errors as the port's.
final class EtcdGateway: Sendable {
  let configuration: EtcdConfiguration
  private let client: HTTPClient
  private let logger: Logger
  private let state = Mutex(State())

  private struct State {
    var current = 0
    var token: String?
  }

  /// The largest answer taken, in bytes.
  static let answerLimit = 64 << 20

  init(_ configuration: EtcdConfiguration, logger: Logger) throws(FabricStoreError) {
    self.configuration = configuration
    self.logger = logger
    var options = HTTPClient.Configuration()
    options.timeout.connect = .seconds(2)
    options.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
    options.tlsConfiguration = try Self.tls(configuration)
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: options)
  }

  private static func tls(_ configuration: EtcdConfiguration) throws(FabricStoreError) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    do {
      if let file = configuration.authorityFile { tls.trustRoots = .file(file) }
      if let own = configuration.clientCertificate {
        tls.certificateChain = try NIOSSLCertificate.fromPEMFile(own.certificateFile).map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: own.keyFile, format: .pem))
      }
    } catch {
      throw FabricStoreError(.permissionDenied, "etcd's certificate or key cannot be read: \(error)")
    }
    return tls
  }

  deinit {
    // A client that is let go without a shutdown traps; a store that was not closed is no reason to crash.
    let client = client
    Task { try? await client.shutdown() }
  }

  func close() async {
    try? await client.shutdown()
  }

  /// Calls `path`; goes on to the next member when one cannot be reached.
  /// - Parameter changes: whether the call may change something: then it is not sent to a second member once a first may
  ///   have seen it, and the error says that its outcome is unknown.
  func call<Request: Encodable, Answer: Decodable>(
    _ path: String,
    _ request: Request,
    changes: Bool = false,
    as: Answer.Type = Answer.self
  ) async throws(FabricStoreError) -> Answer {
    let body = try encode(request)
    var renewed = false
    var last = FabricStoreError(.unavailable, "etcd: no endpoint is configured")
    var attempt = 0
    while attempt < configuration.endpoints.count {
      attempt += 1
      let index = state.withLock { $0.current }
      do {
        return try decode(try await post(endpoint(index) + path, body))
      } catch {
        last = error
        if error.code == .permissionDenied, configuration.credentials != nil, !renewed {
          renewed = true
          attempt -= 1
          try await authenticate()
          continue
        }
        guard error.code == .unavailable else { throw error }
        state.withLock { if $0.current == index { $0.current += 1 } }
        if changes && error.outcome == .unknown { throw error }
      }
    }
    throw last
  }

  /// The base address of the member that answered last.
  func endpoint(_ index: Int) -> String {
    configuration.endpoints[index % max(1, configuration.endpoints.count)]
  }

  /// Opens a stream of newline-delimited JSON.
  func open<Request: Encodable>(_ path: String, _ request: Request) async throws(FabricStoreError)
    -> HTTPClientResponse.Body
  {
    let body = try encode(request)
    let index = state.withLock { $0.current }
    do {
      let response = try await client.execute(
        self.request(endpoint(index) + path, body),
        deadline: .distantFuture
      )
      guard response.status == .ok else {
        throw Self.failure(try await collect(response.body), status: response.status.code)
      }
      return response.body
    } catch let error as FabricStoreError {
      throw error
    } catch {
      state.withLock { if $0.current == index { $0.current += 1 } }
      throw FabricStoreError(.unavailable, "etcd at \(endpoint(index)): \(error)")
    }
  }

  /// Signs in and keeps the token.
  private func authenticate() async throws(FabricStoreError) {
    guard let credentials = configuration.credentials else { return }
    let index = state.withLock { $0.current }
    let request = EtcdMessage.AuthenticateRequest(name: credentials.user, password: credentials.password)
    state.withLock { $0.token = nil }
    let answer: EtcdMessage.AuthenticateResponse = try decode(
      try await post(endpoint(index) + "/v3/auth/authenticate", try encode(request))
    )
    guard let token = answer.token else {
      throw FabricStoreError(.permissionDenied, "etcd did not accept user '\(credentials.user)'")
    }
    state.withLock { $0.token = token }
  }

  private func request(_ url: String, _ body: [UInt8]) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    if let token = state.withLock({ $0.token }) { request.headers.add(name: "Authorization", value: token) }
    request.body = .bytes(ByteBuffer(bytes: body))
    return request
  }

  private func post(_ url: String, _ body: [UInt8]) async throws(FabricStoreError) -> ByteBuffer {
    do {
      let timeout = TimeAmount.nanoseconds(configuration.timeout.wholeNanoseconds)
      let response = try await client.execute(request(url, body), timeout: timeout)
      let answer = try await collect(response.body)
      guard response.status == .ok else { throw Self.failure(answer, status: response.status.code) }
      return answer
    } catch let error as FabricStoreError {
      throw error
    } catch {
      // A connection that was refused has not carried the request; of any other failure that is not known.
      let refused = error is NIOConnectionError || (error as? HTTPClientError) == .connectTimeout
      throw FabricStoreError(
        .unavailable,
        "etcd at \(url): \(error)",
        outcome: refused ? .notApplied : .unknown
      )
    }
  }

  private func collect(_ body: HTTPClientResponse.Body) async throws -> ByteBuffer {
    try await body.collect(upTo: Self.answerLimit)
  }

  func encode(_ value: some Encodable) throws(FabricStoreError) -> [UInt8] {
    do { return [UInt8](try JSONEncoder().encode(value)) } catch {
      throw FabricStoreError(.invalidRequest, "etcd: a request cannot be written: \(error)")
    }
  }

  func decode<Answer: Decodable>(_ bytes: ByteBuffer) throws(FabricStoreError) -> Answer {
    do { return try JSONDecoder().decode(Answer.self, from: bytes) } catch {
      throw FabricStoreError(.unavailable, "etcd: an answer cannot be read: \(error)", outcome: .unknown)
    }
  }

  /// An error of etcd's in the port's terms.
  static func failure(_ body: ByteBuffer, status: UInt) -> FabricStoreError {
    let failure = try? JSONDecoder().decode(EtcdMessage.Failure.self, from: body)
    let text = failure?.text ?? "HTTP status \(status)"
    let message = "etcd: \(text)"
    if text.contains("has been compacted") { return FabricStoreError(.compacted, message) }
    if text.contains("future revision") { return FabricStoreError(.invalidRequest, message) }
    if text.contains("lease not found") { return FabricStoreError(.leaseNotFound, message) }
    if text.contains("no space") || text.contains("space exceeded") {
      return FabricStoreError(
        .noSpace,
        message + "; compact, defragment, then disarm the alarm (docs/operating/fabric.md)"
      )
    }
    if text.contains("authentication failed") || text.contains("permission denied")
      || text.contains("invalid auth token") || text.contains("user name is empty") || status == 401
    {
      return FabricStoreError(.permissionDenied, message)
    }
    if text.contains("duplicate key") || text.contains("too many operations") || text.contains("too large") {
      return FabricStoreError(.invalidRequest, message)
    }
    return FabricStoreError(.unavailable, message, outcome: .unknown)
  }
}

extension Duration {
  /// Nanoseconds, held to the range of `Int64`.
  var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : product &+ attoseconds / 1_000_000_000
  }
}
