import CoreMetrics
import FabricAgent
import FabricStore
import Glibc
import Logging
import NIOCore
import PoolModel
import Replication
import SIPDigest

/// Everything of a running server that has state, on its one event loop.
final class FrontEndLoop {
  let configuration: FrontEndConfiguration
  let eventLoop: any EventLoop
  let transports: TransportSet
  let network: PeerNetwork
  private let outgoing: OutgoingStreams
  private let resolver: HostResolver
  private let store: any FabricStore
  private let metrics: FrontEndMetrics
  private let logger: Logger
  private let maker: FabricPartMaker
  private let started = ServerClock.now()
  private var running: (agent: any FabricPart, service: SIPService)?
  private var drain: Drain?
  private let neighbours: NeighbourDrains
  private var ticker: LoopTimer?
  private var sweeper: LoopTimer?
  private var following: Task<Void, Never>?
  private let door: LoopDoor

  init(
    configuration: FrontEndConfiguration,
    store: any FabricStore,
    metrics: FrontEndMetrics,
    eventLoop: any EventLoop,
    logger: Logger,
    maker: @escaping FabricPartMaker
  ) {
    self.maker = maker
    neighbours = NeighbourDrains(server: configuration.server, drainTime: configuration.drainTime)
    self.configuration = configuration
    self.store = store
    self.metrics = metrics
    self.eventLoop = eventLoop
    door = LoopDoor(eventLoop)
    self.logger = logger
    transports = TransportSet(configuration: configuration, metrics: metrics)
    network = PeerNetwork(configuration: configuration, eventLoop: eventLoop, logger: logger)
    outgoing = OutgoingStreams(
      configuration: configuration,
      transports: transports,
      eventLoop: eventLoop,
      metrics: metrics,
      logger: logger
    )
    resolver = HostResolver(eventLoop: eventLoop, limits: configuration.limits)
  }

  /// Begins to serve: the sockets are bound.
  /// - Parameter secret: the same on all servers of the pool.
  /// - Parameter credentials: as read before; `nil` when the store did not answer, then they are read as soon as it does.
  func start(_ addresses: FrontEndServer.Addresses, secret: [UInt8], credentials: PoolCredentials?) {
    let agent = makeAgent(addresses)
    let service = SIPService(
      configuration: configuration,
      agent: agent,
      transports: transports,
      network: network,
      outgoing: outgoing,
      resolver: resolver,
      metrics: metrics,
      secret: secret,
      logger: logger
    )
    running = (agent, service)
    transports.receiver = service
    transports.onFlowClosed = { [weak service] in service?.flowRegistrations.ended($0) }
    network.service = service
    network.address = { [weak agent] in agent?.peerAddress(of: $0) }
    agent.onRouteChange = { [weak service, weak agent] group in
      if let service, let agent {
        service.gate.routeChanged(group, to: agent.route(group), at: agent.poolTime)
      }
      service?.desk.routeChanged(group)
    }
    service.gate.onHandOver = { [weak network] handOver, server in
      // Lost with the link: then the next primary answers older nonces with stale=true.
      network?.link(to: server).call(.nonces, handOver.body) { _ in }
    }
    agent.onServiceChange = { [weak self] in self?.serviceChanged($0) }
    agent.onBatch = { [metrics] writes, latency in
      metrics.batchSize.record(writes)
      metrics.batchTime.recordNanoseconds(latency.nanoseconds)
    }
    agent.onRenewal = { [metrics] in metrics.renewalTime.recordNanoseconds($0.nanoseconds) }
    ticker = LoopTimer(on: eventLoop, every: .milliseconds(50)) { [weak self] in self?.tick() }
    sweeper = LoopTimer(on: eventLoop, every: .seconds(1)) { [weak self] in
      let now = ServerClock.now()
      self?.transports.sweep(at: now)
      self?.network.sweep(at: now)
      self?.outgoing.sweep(at: now)
      self?.resolver.sweep(at: now)
      if let service = self?.running?.service { service.gate.purge(at: service.agent.poolTime) }
    }
    if let credentials { service.gate.take(credentials) }
    follow(service.gate, from: credentials.map { $0.revision &+ 1 })
    agent.start()
  }

  private func follow(_ gate: Gatekeeper, from revision: Revision?) {
    let bound = NIOLoopBound(gate, eventLoop: eventLoop)
    let following = CredentialsFollowing(
      store: store,
      realm: configuration.domain.lowercased(),
      first: revision
    ) { [door] news in
      await door.run { bound.value.take(news) }
    }
    self.following = Task { await following.run() }
  }

  /// Turns new work away, gives the groups to others and finishes what is in flight, for a bounded time.
  func beginStop() -> EventLoopFuture<Void> {
    guard let (agent, service) = running else { return eventLoop.makeSucceededVoidFuture() }
    service.service = .out
    drain = nil
    let promise = eventLoop.makePromise(of: Void.self)
    agent.stop().assumeIsolated().whenComplete { [self] _ in
      finishInFlight(until: ServerClock.now() + .seconds(2), promise)
    }
    return promise.futureResult
  }

  /// Closes every socket.
  func close() {
    ticker?.cancel()
    sweeper?.cancel()
    following?.cancel()
    running?.agent.end()
    door.close()
    transports.close()
    outgoing.close()
    resolver.close()
    network.close()
    running = nil
  }

  private func finishInFlight(until deadline: Instant, _ promise: EventLoopPromise<Void>) {
    let service = running?.service
    let inFlight = (service?.requestsInFlight ?? 0) + (service?.requestsProxied ?? 0)
    guard inFlight > 0, ServerClock.now() < deadline else {
      running?.service.endProxied()
      // What was said last leaves with the next turn of the loop.
      eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) { promise.succeed() }
      return
    }
    eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) { [self] in
      finishInFlight(until: deadline, promise)
    }
  }

  private func makeAgent(_ addresses: FrontEndServer.Addresses) -> any FabricPart {
    var agent = FabricAgent.Configuration(
      pool: configuration.pool,
      domain: configuration.domain,
      groups: configuration.groups,
      servers: configuration.servers,
      server: configuration.server,
      version: configuration.version,
      peerAddress: addresses.peer.description,
      sipAddress: addresses.sip.first?.description ?? "",
      processID: Int(getpid())
    )
    agent.leaseTTL = configuration.leaseTTL
    agent.expiry = { RegistrarDesk.expiry(of: $0) }
    agent.isHidden = { ReservedUser.isReserved($0) }
    configuration.tuneAgent(&agent)
    return maker(agent, store, eventLoop, logger)
  }

  private func serviceChanged(_ state: ServiceState) {
    guard let (agent, service) = running else { return }
    logger.info("service", metadata: ["state": "\(Self.word(state))"])
    switch state {
    case .inService:
      drain = nil
      service.service = .serving
    case .leaving(let mark):
      service.service = .leaving
      startDraining(by: mark, agent, service)
    case .out(let mark):
      service.service = .out
      startDraining(by: mark, agent, service)
    }
  }

  private func startDraining(by mark: OutMark, _ agent: any FabricPart, _ service: SIPService) {
    guard drain == nil else { return }
    let drainTime = mark.drainTime ?? configuration.drainTime
    drain = Drain(drainTime: drainTime, agent: agent, service: service, logger: logger)
  }

  private func tick() {
    let now = ServerClock.now()
    running?.service.tick()
    running?.service.desk.tick(at: now)
    running?.service.router.desk.tick(at: now)
    running?.service.subscriptions.tick(at: now)
    drain?.tick(at: now)
    if let (agent, service) = running, service.subscriptions.count > 0 {
      neighbours.tick(at: now, agent.view, service)
    }
  }

  /// The service state in one word or two.
  static func word(_ state: ServiceState?) -> String {
    switch state {
    case nil: "unknown"
    case .inService: "in service"
    case .leaving: "leaving"
    case .out: "out"
    }
  }
}

// MARK: - Status

extension FrontEndLoop {
  /// How the server is now; brings the gauges up to date.
  func snapshot() -> StatusSnapshot {
    let view = running?.agent.view
    let counters = running?.agent.counters
    let service = view?.servers[configuration.server]?.record.service
    let led = (view?.groups.keys.sorted() ?? []).filter { group in
      if case .here = running?.agent.route(group) { true } else { false }
    }
    let desk = running?.service.desk
    let reason = notReady(service)
    running?.service.router.desk.measure()
    metrics.inFlight.set(running?.service.requestsInFlight ?? 0)
    metrics.groupsLed.set(led.count)
    metrics.records.set(counters?.records ?? 0)
    return StatusSnapshot(
      server: configuration.server.rawValue,
      pool: configuration.pool.rawValue,
      version: configuration.version,
      processID: Int(getpid()),
      service: Self.word(service),
      isReady: reason == nil,
      notReadyBecause: reason,
      groupsLed: led.map(\.index),
      replicas: counters?.replicas ?? 0,
      records: counters?.records ?? 0,
      recordsLed: counters?.recordsLed ?? 0,
      requestsInFlight: running?.service.requestsInFlight ?? 0,
      requestsHeld: desk?.requestsHeld ?? 0,
      requestsPassedOn: desk?.requestsPassedOn ?? 0,
      streams: transports.flows.count,
      subscriptions: running?.service.subscriptions.count ?? 0,
      clientsMoved: drain?.tally.moved ?? 0,
      clientsNotMoved: drain?.tally.notMoved ?? 0,
      revision: view?.revision ?? 0,
      epoch: view?.epoch ?? 0,
      uptime: Int(clamping: (ServerClock.now() - started).milliseconds / 1_000)
    )
  }

  private func notReady(_ service: ServiceState?) -> String? {
    switch service {
    case nil: "the fabric was not read yet"
    case .leaving: "it is leaving service"
    case .out(let mark): "it is out of service, by \(mark.by)"
    case .inService:
      running?.service.gate.isReady == false
        ? "its users were not read yet"
        : running?.agent.isReady == true ? nil : "its lease or its replicas are not ready"
    }
  }
}
