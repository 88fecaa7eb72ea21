import FabricAgent
import FabricStore
import Logging
import NIOCore
import NIOPosix
import PoolModel
import Synchronization
import UnixSignals

/// A Front End server of a pool: takes SIP on its own addresses, answers REGISTER for the routing groups it leads, passes
/// the others on to the server that leads them, and routes requests to registered contacts.
///
/// One event loop holds all of its state, so nothing in the data path locks or waits for a task.
public final class FrontEndServer: Sendable {
  /// Where the server is reached, once it listens; of use when ports were left to the system.
  public struct Addresses: Hashable, Sendable {
    /// Its SIP addresses, in the order of the configuration.
    public var sip: [Endpoint]
    /// Where other servers connect.
    public var peer: Endpoint
    /// Where it takes SIP over TLS; `nil` for nowhere.
    public var tls: Endpoint?
    /// Where health, metrics and state are; `nil` while it is not up.
    public var http: Endpoint?
  }

  /// What it was told.
  public let configuration: FrontEndConfiguration
  /// Its metrics.
  public let metrics: MetricRegistry
  private let store: any FabricStore
  private let logger: Logger
  private let makeAgent: FabricPartMaker
  private let stopSignal = AsyncStream<String>.makeStream()
  private let bound = Mutex<(addresses: Addresses, loop: NIOLoopBound<FrontEndLoop>)?>(nil)

  /// A server that is not running yet. The store stays open when it ends; whoever opened it closes it.
  public convenience init(
    configuration: FrontEndConfiguration,
    store: any FabricStore,
    logger: Logger,
    metrics: MetricRegistry = MetricRegistry()
  ) {
    self.init(configuration: configuration, store: store, logger: logger, metrics: metrics) {
      FabricAgent(configuration: $0, store: $1, eventLoop: $2, logger: $3)
    }
  }

  /// A server whose agent is made by `makeAgent`.
  init(
    configuration: FrontEndConfiguration,
    store: any FabricStore,
    logger: Logger,
    metrics: MetricRegistry,
    makeAgent: @escaping FabricPartMaker
  ) {
    self.makeAgent = makeAgent
    self.configuration = configuration
    self.store = store
    self.metrics = metrics
    var logger = logger
    logger[metadataKey: "server"] = "\(configuration.server)"
    self.logger = logger
  }

  /// Runs until SIGTERM or SIGINT, `stop()`, or cancellation of the task; then gives its groups away, finishes what is
  /// in flight, and returns. Throws when it cannot start.
  /// - Parameter trapsSignals: whether SIGTERM and SIGINT end it; false where several servers share a process.
  public func run(trapsSignals: Bool = true) async throws(FrontEndError) {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let result: Result<Void, FrontEndError>
    do throws(FrontEndError) {
      try await serve(group, trapsSignals: trapsSignals)
      result = .success(())
    } catch {
      result = .failure(error)
    }
    bound.withLock { $0 = nil }
    try? await group.shutdownGracefully()
    try result.get()
  }

  /// Asks `run` to end.
  public func stop() { stopSignal.continuation.yield("asked to") }

  /// Where it is reached; `nil` while it does not listen.
  public var addresses: Addresses? { bound.withLock { $0?.addresses } }

  /// Reads the TLS certificate and key again; new connections get them, open ones stay as they are. When they cannot be
  /// used it throws, and the old ones go on being shown.
  public func reloadTLS() async throws(FrontEndError) {
    guard let settings = configuration.tls, let loop = bound.withLock({ $0?.loop }) else { return }
    let context = try TLSIdentity.context(settings)
    try await onLoop(loop) { $0.transports.tls = context }
  }

  private func reloadOnSignals() async {
    for await _ in await UnixSignalsSequence(trapping: .sighup) {
      do throws(FrontEndError) {
        try await reloadTLS()
        logger.notice("TLS certificate and key were read again")
      } catch {
        logger.error("TLS certificate and key stay as they were", metadata: ["reason": "\(error)"])
      }
    }
  }

  /// How it is now. Throws when it does not run.
  public func snapshot() async throws -> StatusSnapshot {
    guard let loop = bound.withLock({ $0?.loop }) else {
      throw FrontEndError(.cannotListen, "the server does not run")
    }
    return try await loop.eventLoop.submit { loop.value.snapshot() }.get()
  }

  private func serve(
    _ group: MultiThreadedEventLoopGroup,
    trapsSignals: Bool
  ) async throws(FrontEndError) {
    guard !configuration.sip.isEmpty else {
      throw FrontEndError(.configuration, "server \(configuration.server) has no sip address")
    }
    let tls = try configuration.tls.map { settings throws(FrontEndError) in
      try TLSIdentity.context(settings)
    }
    let secret = try await poolSecret()
    let credentials = try? await PoolCredentials.read(from: store, realm: configuration.domain.lowercased())
    let loop = try await makeLoop(group)
    let result: Result<Void, FrontEndError>
    do throws(FrontEndError) {
      try await onLoop(loop) { $0.transports.tls = tls }
      let addresses = try await listen(loop, group)
      bound.withLock { $0 = (addresses, loop) }
      try await onLoop(loop) { $0.start(addresses, secret: secret, credentials: credentials) }
      logger.info("listening", metadata: ["sip": "\(addresses.sip)", "peer": "\(addresses.peer)"])
      try await waitForEnd(trapsSignals: trapsSignals)
      result = .success(())
    } catch {
      result = .failure(error)
    }
    // Futures are waited for to their end also in a task that was cancelled.
    try? await onLoop(loop) { $0.beginStop() }.get()
    try await onLoop(loop) { $0.close() }
    try result.get()
  }

  /// What the servers of the pool seal and tag with: the pool key, or else the identity of their store, which they alone
  /// know as well.
  private func poolSecret() async throws(FrontEndError) -> [UInt8] {
    if let key = configuration.poolKeys.first { return key }
    do {
      return Array("\(configuration.pool) \(try await store.identity)".utf8)
    } catch {
      throw FrontEndError(.fabric, "the fabric cannot be used: \(error)")
    }
  }

  private func makeLoop(_ group: MultiThreadedEventLoopGroup) async throws(FrontEndError)
    -> NIOLoopBound<FrontEndLoop>
  {
    let eventLoop = group.next()
    let made = eventLoop.submit { [configuration, store, metrics, logger, makeAgent] in
      NIOLoopBound(
        FrontEndLoop(
          configuration: configuration,
          store: store,
          metrics: FrontEndMetrics(metrics),
          eventLoop: eventLoop,
          logger: logger,
          maker: makeAgent
        ),
        eventLoop: eventLoop
      )
    }
    do {
      return try await made.get()
    } catch {
      throw FrontEndError(.cannotListen, "the event loop does not run: \(error)")
    }
  }

  private func onLoop<T: Sendable>(
    _ loop: NIOLoopBound<FrontEndLoop>,
    _ body: @escaping @Sendable (FrontEndLoop) -> T
  ) async throws(FrontEndError) -> T {
    do {
      return try await loop.eventLoop.submit { body(loop.value) }.get()
    } catch {
      throw FrontEndError(.cannotListen, "the event loop does not run: \(error)")
    }
  }

  private func listen(_ loop: NIOLoopBound<FrontEndLoop>, _ group: MultiThreadedEventLoopGroup)
    async throws(FrontEndError) -> Addresses
  {
    let listening = Listening(group: group, limits: configuration.limits)
    let peer = try await listening.stream("peer", configuration.peer) { channel in
      try loop.value.network.accept(channel)
    }
    try await onLoop(loop) { $0.network.adopt(peer) }
    var addresses = Addresses(sip: [], peer: Self.bound(configuration.peer, peer), http: nil)
    for endpoint in configuration.sip {
      addresses.sip.append(try await listenForSIP(endpoint, listening, loop))
    }
    if let tls = configuration.tls {
      let channel = try await listening.stream("tls", tls.address) { channel in
        try loop.value.transports.accept(tls: channel)
      }
      let address = Self.bound(tls.address, channel)
      try await onLoop(loop) { $0.transports.adopt(tls: channel, at: address) }
      addresses.tls = address
    }
    return addresses
  }

  /// UDP and TCP on one address. With port 0 UDP takes the port that the system gave TCP, or, when it cannot, both try
  /// another.
  private func listenForSIP(
    _ endpoint: Endpoint,
    _ listening: Listening,
    _ loop: NIOLoopBound<FrontEndLoop>,
    attempts: Int = 5
  ) async throws(FrontEndError) -> Endpoint {
    let streams = try await listening.stream("sip", endpoint) { channel in
      try channel.pipeline.syncOperations.addHandler(loop.value.transports.makeFlow(.tcp))
    }
    let real = Self.bound(endpoint, streams)
    let port = try await onLoop(loop) { state in
      NIOLoopBound(state.transports.makePort(real), eventLoop: state.eventLoop)
    }
    let datagrams: any Channel
    do throws(FrontEndError) {
      datagrams = try await listening.datagram(real, port)
    } catch {
      try? await streams.close()
      guard endpoint.port == 0, attempts > 1, error.code == .addressInUse else { throw error }
      return try await listenForSIP(endpoint, listening, loop, attempts: attempts - 1)
    }
    try await onLoop(loop) { $0.transports.adopt([streams, datagrams], port.value) }
    return real
  }

  private static func bound(_ endpoint: Endpoint, _ channel: any Channel) -> Endpoint {
    Endpoint(host: endpoint.host, port: channel.localAddress?.port ?? endpoint.port)
  }

  private func waitForEnd(trapsSignals: Bool) async throws(FrontEndError) {
    do {
      try await withThrowingTaskGroup(of: String?.self) { tasks in
        tasks.addTask { [stopSignal] in
          for await reason in stopSignal.stream { return reason }
          return "cancelled"
        }
        if trapsSignals {
          tasks.addTask {
            for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) { return "\(signal)" }
            return "cancelled"
          }
        }
        if trapsSignals, configuration.tls != nil {
          tasks.addTask { [self] in
            await reloadOnSignals()
            return nil
          }
        }
        if let http = configuration.http {
          tasks.addTask { [self] in
            try await serveStatus(http)
            return nil
          }
        }
        defer { tasks.cancelAll() }
        while let ended = try await tasks.next() {
          guard let ended else { continue }
          logger.info("stopping", metadata: ["reason": "\(ended)"])
          return
        }
      }
    } catch let error as FrontEndError {
      throw error
    } catch {
      throw FrontEndError(.cannotListen, "\(error)")
    }
  }

  private func serveStatus(_ endpoint: Endpoint) async throws {
    let status = StatusServer(
      endpoint: endpoint,
      registry: metrics,
      snapshot: { [self] in try await snapshot() },
      logger: logger
    )
    do {
      try await status.run { [self] port in
        bound.withLock { $0?.addresses.http = Endpoint(host: endpoint.host, port: port) }
      }
    } catch is CancellationError {
      return
    } catch {
      throw Listening.error("http", endpoint, error)
    }
  }
}
