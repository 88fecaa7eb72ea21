import AsyncHTTPClient
import FabricStore
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import Synchronization

/// What a call may do, and so how it is tried again.
enum EtcdCall {
  /// It only reads: it is sent to one member after another until one answers.
  case reading
  /// As `reading`, and worthless when it is late: the renewal of a lease.
  case brief
  /// It may change something: once a member may have taken it, it is not sent again, and its outcome is unknown.
  case changing
}

/// Calls to etcd's JSON gateway: one member after another until one answers, errors as the port's.
final class EtcdGateway: Sendable {
  let configuration: EtcdConfiguration
  /// Pool time, from the dates that the members' answers carry.
  let clock = EtcdClock()
  private let credentials: EtcdCredentials?
  private let client: HTTPClient
  // A watch is silent for as long as nothing changes: no time-out on its connection.
  private let watchClient: HTTPClient
  private let logger: Logger
  private let state: Mutex<State>

  private struct State {
    var current: Int
    var token: String?
    var guardian = EtcdGuardian()
  }

  /// The largest answer taken, in bytes.
  static let answerLimit = 64 << 20

  init(_ configuration: EtcdConfiguration, logger: Logger) throws(FabricStoreError) {
    self.configuration = configuration
    self.logger = logger
    credentials = try configuration.user.map(EtcdCredentials.read)
    state = Mutex(State(current: configuration.preferredEndpoint))
    var options = HTTPClient.Configuration()
    options.httpVersion = .http1Only
    options.timeout.connect = .nanoseconds(configuration.timeout.wholeNanoseconds / 2)
    options.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
    // A member that refuses is left for the next at once.
    options.connectionPool.retryConnectionEstablishment = false
    options.tlsConfiguration = try EtcdTLS.settings(configuration.tls)
    watchClient = HTTPClient(eventLoopGroupProvider: .singleton, configuration: options)
    options.timeout.read = .nanoseconds(configuration.timeout.wholeNanoseconds)
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: options)
  }

  deinit {
    // A client that is let go without a shutdown traps; a store that was not closed is no reason to crash.
    let (client, watchClient) = (client, watchClient)
    Task {
      try? await client.shutdown()
      try? await watchClient.shutdown()
    }
  }

  func close() async {
    try? await client.shutdown()
    try? await watchClient.shutdown()
  }

  private var endpointCount: Int { configuration.endpoints.count }

  /// The base address of a member.
  func endpoint(_ index: Int) -> String {
    configuration.endpoints[index % max(1, configuration.endpoints.count)]
  }

  /// From now on every answer must be of this cluster.
  func adopt(cluster: UInt64) { state.withLock { $0.guardian.adopt(cluster) } }

  /// Calls `path`; goes on to the next member when one cannot be reached or is not of our cluster.
  func call<Request: Encodable, Answer: EtcdAnswer>(
    _ path: String,
    _ request: Request,
    _ kind: EtcdCall = .reading
  ) async throws(FabricStoreError) -> Answer {
    try await call(path, body: try encode(request), kind)
  }

  /// Calls `path` with a body of JSON.
  func call<Answer: EtcdAnswer>(_ path: String, body: [UInt8], _ kind: EtcdCall)
    async throws(FabricStoreError)
    -> Answer
  {
    var last = FabricStoreError(.unavailable, "etcd: no endpoint is configured")
    var hasSignedIn = false
    // A single member gets a second try: a connection that was kept open may just have been closed by it.
    var attempts = max(2, endpointCount)
    while attempts > 0 {
      attempts -= 1
      let index = state.withLock { $0.current }
      do throws(EtcdFailure) {
        // Unasked: without a token the member may take us for the user that its own certificate names.
        if credentials != nil, state.withLock({ $0.token == nil }) { try await signInFirst(at: index) }
        return try await attempt(path, body, kind, at: endpoint(index))
      } catch {
        last = error.error
        if error.needsSignIn, credentials != nil, !hasSignedIn {
          hasSignedIn = true
          attempts += 1
          try await signIn(at: index)
          continue
        }
        guard error.isOfMember else { throw error.error }
        moveOn(from: index, because: error.error)
        if kind == .changing && error.error.outcome == .unknown { throw error.error }
      }
    }
    throw last
  }

  /// Asks one member, and no other.
  func ask<Request: Encodable, Answer: EtcdAnswer>(
    _ url: String,
    _ path: String,
    _ request: Request,
    _ kind: EtcdCall = .brief
  ) async throws(FabricStoreError) -> Answer {
    let body = try encode(request)
    do throws(EtcdFailure) {
      return try await attempt(path, body, kind, at: url)
    } catch {
      throw error.error
    }
  }

  private func attempt<Answer: EtcdAnswer>(
    _ path: String,
    _ body: [UInt8],
    _ kind: EtcdCall,
    at url: String
  ) async throws(EtcdFailure) -> Answer {
    let known: Revision
    do throws(FabricStoreError) {
      known = try state.withLock { (state) throws(FabricStoreError) in try state.guardian.send() }
    } catch {
      throw EtcdFailure(error)
    }
    let timeout =
      kind == .brief ? min(configuration.timeout, EtcdConfiguration.briefTimeout) : configuration.timeout
    let bytes = try await post(path, body, timeout, at: url)
    do throws(FabricStoreError) {
      let answer: Answer = try decode(bytes)
      try state.withLock { (state) throws(FabricStoreError) in
        try state.guardian.take(answer, sentAt: known, from: url)
      }
      return answer
    } catch {
      throw EtcdFailure(error, isOfMember: error.code == .unsuitable || error.code == .unavailable)
    }
  }

  private func moveOn(from index: Int, because error: FabricStoreError) {
    let moved = state.withLock { state in
      guard state.current == index else { return false }
      state.current += 1
      return true
    }
    if moved, endpointCount > 1 {
      logger.debug("left a member of etcd for the next", metadata: ["error": "\(error)"])
    }
  }

  /// Opens a stream of newline-delimited JSON at the member that is asked now; says which that is.
  func open<Request: Encodable>(_ path: String, _ request: Request) async throws(FabricStoreError)
    -> (index: Int, body: HTTPClientResponse.Body)
  {
    let body = try encode(request)
    let index = state.withLock { $0.current }
    do {
      let response = try await watchClient.execute(
        self.request(path, body, at: endpoint(index)),
        timeout: .nanoseconds(configuration.timeout.wholeNanoseconds)
      )
      guard response.status == .ok else {
        let failure = EtcdFailure(
          try await collect(response.body),
          status: response.status.code,
          at: endpoint(index)
        )
        if failure.needsSignIn { try await signIn(at: index) }
        throw failure.needsSignIn ? FabricStoreError(.unavailable, failure.error.message) : failure.error
      }
      return (index, response.body)
    } catch let error as FabricStoreError {
      throw error
    } catch {
      let failure = EtcdFailure(error, at: endpoint(index)).error
      moveOn(from: index, because: failure)
      throw failure
    }
  }

  /// The member that was being watched is of no use: the next calls go to another.
  func leave(_ index: Int, because error: FabricStoreError) { moveOn(from: index, because: error) }

  private func signInFirst(at index: Int) async throws(EtcdFailure) {
    do throws(FabricStoreError) {
      try await signIn(at: index)
    } catch {
      var error = error
      error.outcome = .notApplied
      throw EtcdFailure(error, isOfMember: error.code == .unavailable)
    }
  }

  /// Signs in and keeps the token.
  private func signIn(at index: Int) async throws(FabricStoreError) {
    guard let credentials else { return }
    state.withLock { $0.token = nil }
    let request = EtcdMessage.AuthenticateRequest(name: credentials.user, password: credentials.password)
    do throws(EtcdFailure) {
      let bytes = try await post(
        "/v3/auth/authenticate",
        try Self.encoded(request),
        configuration.timeout,
        at: endpoint(index)
      )
      let answer: EtcdMessage.AuthenticateResponse = try Self.decoded(bytes)
      state.withLock { $0.token = answer.token }
    } catch {
      guard !error.isOfMember else { throw error.error }
      throw FabricStoreError(
        .permissionDenied,
        "etcd at \(endpoint(index)) did not accept user '\(credentials.user)': \(error.error.message)"
      )
    }
  }

  private func request(_ path: String, _ body: [UInt8], at url: String) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: url + path)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    if let token = state.withLock({ $0.token }) { request.headers.add(name: "Authorization", value: token) }
    request.body = .bytes(ByteBuffer(bytes: body))
    return request
  }

  private func post(_ path: String, _ body: [UInt8], _ timeout: Duration, at url: String)
    async throws(EtcdFailure)
    -> ByteBuffer
  {
    let sentAt = EtcdClock.steady()
    do {
      let response = try await client.execute(
        request(path, body, at: url),
        timeout: .nanoseconds(timeout.wholeNanoseconds)
      )
      if let date = response.headers.first(name: "Date") {
        clock.take(date, of: url, sentAt: sentAt)
      }
      let answer = try await collect(response.body)
      guard response.status == .ok else {
        throw EtcdFailure(answer, status: response.status.code, at: url)
      }
      return answer
    } catch let error as EtcdFailure {
      throw error
    } catch {
      throw EtcdFailure(error, at: url)
    }
  }

  /// Has a member give its free pages back to the disk; that takes as long as its database is large.
  func defragment(_ url: String) async throws(FabricStoreError) {
    do {
      let request = request("/v3/maintenance/defragment", Array("{}".utf8), at: url)
      let response = try await watchClient.execute(request, timeout: .seconds(600))
      guard response.status == .ok else {
        throw EtcdFailure(try await collect(response.body), status: response.status.code, at: url)
      }
    } catch let failure as EtcdFailure {
      throw failure.error
    } catch {
      throw EtcdFailure(error, at: url).error
    }
  }

  /// A member's metrics, as Prometheus reads them; `nil` where it does not show them at its client address.
  func metrics(at url: String) async -> String? {
    let timeout = TimeAmount.nanoseconds(EtcdConfiguration.briefTimeout.wholeNanoseconds)
    guard
      let response = try? await client.execute(HTTPClientRequest(url: url + "/metrics"), timeout: timeout),
      response.status == .ok, let body = try? await response.body.collect(upTo: 1 << 22)
    else { return nil }
    return String(buffer: body)
  }

  private func collect(_ body: HTTPClientResponse.Body) async throws -> ByteBuffer {
    try await body.collect(upTo: Self.answerLimit)
  }
}

// MARK: - JSON

extension EtcdGateway {
  func encode(_ value: some Encodable) throws(FabricStoreError) -> [UInt8] {
    do throws(EtcdFailure) { return try Self.encoded(value) } catch { throw error.error }
  }

  func decode<Answer: Decodable>(_ bytes: ByteBuffer) throws(FabricStoreError) -> Answer {
    do throws(EtcdFailure) { return try Self.decoded(bytes) } catch { throw error.error }
  }

  private static func encoded(_ value: some Encodable) throws(EtcdFailure) -> [UInt8] {
    do { return [UInt8](try JSONEncoder().encode(value)) } catch {
      throw EtcdFailure(FabricStoreError(.invalidRequest, "etcd: a request cannot be written: \(error)"))
    }
  }

  private static func decoded<Answer: Decodable>(_ bytes: ByteBuffer) throws(EtcdFailure) -> Answer {
    do { return try JSONDecoder().decode(Answer.self, from: bytes) } catch {
      throw EtcdFailure(
        FabricStoreError(.unavailable, "etcd: an answer cannot be read: \(error)", outcome: .unknown),
        isOfMember: true
      )
    }
  }
}
