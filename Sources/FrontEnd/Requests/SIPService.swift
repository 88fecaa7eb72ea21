import CoreMetrics
import FabricAgent
import Logging
import NIOCore
import PoolModel
import Registrar
import SIPMessage

/// Takes every SIP message that reaches the server, from clients and from other servers, and sends it where it belongs:
/// REGISTER to the primary's desk, other requests to the router, responses back along their Vias.
final class SIPService {
  /// Whether clients are served.
  enum Service {
    /// The fabric was not read yet.
    case starting
    /// Yes.
    case serving
    /// The server is on its way out: new work is turned away, what is under way is finished.
    case leaving
    /// The server is out, or stops.
    case out
  }

  let configuration: FrontEndConfiguration
  let agent: any FabricAccess
  let metrics: FrontEndMetrics
  let logger: Logger
  let transports: TransportSet
  let network: PeerNetwork
  let outgoing: OutgoingStreams
  let resolver: HostResolver
  let writer: ResponseWriter
  let registrar: RegistrarDesk
  /// Says who sent a request.
  let gate: Gatekeeper
  /// The same on all servers of the pool: what they seal and tag with.
  let secret: [UInt8]
  private var limiter: SourceLimiter
  /// Who has registered on which stream.
  var flowRegistrations = FlowRegistrations()
  private var admission: Admission
  private var shedding = Shedding()
  /// Transactions of clients that are under way. Those passed in are only counted: each is answered, copies too.
  private var inProgress: Set<TransactionKey> = []
  private var passedInCount = 0
  private(set) lazy var desk = PrimaryDesk(
    agent: agent,
    network: network,
    limits: configuration.limits,
    metrics: metrics,
    owner: self
  )
  private(set) lazy var router = RequestRouter(service: self)
  private(set) lazy var subscriptions = SubscriptionDesk(service: self)

  /// Whether clients are served.
  var service = Service.starting
  /// When a request of a client was last taken.
  private(set) var lastRequest = ServerClock.now()

  init(
    configuration: FrontEndConfiguration,
    agent: any FabricAccess,
    transports: TransportSet,
    network: PeerNetwork,
    outgoing: OutgoingStreams,
    resolver: HostResolver,
    metrics: FrontEndMetrics,
    secret: [UInt8],
    logger: Logger
  ) {
    self.secret = secret
    self.configuration = configuration
    self.agent = agent
    self.transports = transports
    self.network = network
    self.outgoing = outgoing
    self.resolver = resolver
    self.metrics = metrics
    self.logger = logger
    writer = ResponseWriter(configuration: configuration, secret: secret, metrics: metrics)
    registrar = RegistrarDesk(configuration: configuration, secret: secret)
    gate = Gatekeeper(configuration: configuration, metrics: metrics, logger: logger)
    limiter = SourceLimiter(configuration.limits)
    admission = Admission(most: configuration.limits.requestsInFlight)
  }

  /// Requests that were taken and are not yet answered.
  var requestsInFlight: Int { inProgress.count + passedInCount }

  /// Requests that were passed on to contacts and are not yet answered.
  var requestsProxied: Int { router.desk.unanswered }
  /// Those of them that are calls, which may ring for minutes.
  var callsRinging: Int { router.desk.ringing }

  /// Ends what contacts have not answered: the server goes.
  func endProxied() { router.desk.endAll(at: ServerClock.now()) }

  /// Looks whether more comes than is read.
  func tick() {
    let (fill, lost) = transports.datagramMemory()
    shedding.looked(fill: fill, hasLost: lost > 0)
  }

  /// Whether a new request of a client is to hear 503, because there are too many.
  func turnsAway() -> Bool { shedding.turnsAway() }

  /// Answers a request at once.
  func reply(_ status: Int, _ reason: String? = nil, to message: SIPMessage, from source: MessageSource) {
    guard let response = writer.response(status, reason, to: message, from: source) else {
      return metrics.dropped(.malformed)
    }
    writer.send(response, to: message, from: source)
  }

  /// Answers with further header fields.
  func answer(_ status: Int, _ headers: SIPHeaderBlock, to message: SIPMessage, from source: MessageSource) {
    guard let response = writer.response(status, to: message, from: source, headers: headers) else {
      return metrics.dropped(.malformed)
    }
    writer.send(response, to: message, from: source)
  }

  /// Answers 503 with Retry-After.
  func refuse(_ message: SIPMessage, from source: MessageSource, because reason: RefusalReason) {
    metrics.refused(reason)
    guard
      let response = writer.response(503, to: message, from: source, retryAfter: Self.retryAfter(reason))
    else {
      return metrics.dropped(.malformed)
    }
    writer.send(response, to: message, from: source)
  }

  /// Whom the trouble is about says when to come back: a server that is leaving should be left alone for a while, a
  /// pool that looks for a primary has one again in a moment.
  static func retryAfter(_ reason: RefusalReason) -> UInt64 {
    switch reason {
    case .leaving: 30
    case .overload, .store: 2
    default: 1
    }
  }
}

// MARK: - From clients

extension SIPService: MessageReceiver {
  func received(_ bytes: [UInt8], from source: MessageSource) {
    let now = ServerClock.now()
    guard limiter.admit(source.address, at: now) else { return metrics.dropped(.sourceLimit) }
    let message: SIPMessage
    do throws(SIPParseError) {
      message = try SIPMessage(parsing: bytes, limits: source.isReliable ? .stream : .datagram)
    } catch {
      return unparsed(bytes, error, from: source)
    }
    guard message.isRequest else { return router.response(message, from: source) }
    lastRequest = now
    metrics.request(message.method)
    receive(message, from: source, at: now)
  }

  func receivedUnframed(_ head: [UInt8], _ error: SIPParseError, from source: MessageSource) {
    unparsed(head, error, from: source)
  }

  private func unparsed(_ bytes: [UInt8], _ error: SIPParseError, from source: MessageSource) {
    guard error.status != nil, let message = SIPMessage(salvaging: bytes) else {
      return metrics.dropped(.malformed)
    }
    refuseMalformed(message, error, from: source)
  }

  /// Counts a malformed request, and answers it where that can be done.
  private func refuseMalformed(_ message: SIPMessage, _ error: SIPParseError, from source: MessageSource) {
    metrics.dropped(.malformed)
    guard let response = writer.response(error.status ?? 400, error.reasonPhrase, to: message, from: source)
    else { return }
    writer.send(response, to: message, from: source)
  }

  private func receive(_ message: SIPMessage, from source: MessageSource, at now: Instant) {
    guard message.hasSupportedVersion else {
      if message.method != .ack { reply(505, to: message, from: source) }
      return
    }
    // The router asks for itself: what belongs to a transaction that is under way passes to the end.
    guard message.method == .register else { return router.request(message, from: source) }
    guard service == .serving else {
      return refuse(message, from: source, because: service == .starting ? .starting : .leaving)
    }
    register(message, from: source, at: now, answerPeer: nil)
  }

  /// Takes a REGISTER, of a client or passed in.
  private func register(
    _ message: SIPMessage,
    from source: MessageSource,
    at now: Instant,
    answerPeer: ((PeerFrame) -> Void)?
  ) {
    let via: Via
    do throws(SIPParseError) {
      via = try message.topVia
    } catch {
      return answerPeer == nil ? refuseMalformed(message, error, from: source) : metrics.dropped(.malformed)
    }
    var source = source
    source.answerPort = ResponseWriter.answerPort(via, source)
    let key = TransactionKey(message, via, from: source)
    // A repeat of what is being worked on is absorbed (RFC 3261 section 17.2.2): its answer is on the way.
    guard answerPeer != nil || !inProgress.contains(key) else { return metrics.dropped(.repeated) }
    guard requestsInFlight < admission.limit, answerPeer != nil || !turnsAway() else {
      if let answerPeer { return answerPeer(PeerFrame(.busy)) }
      return refuse(message, from: source, because: .overload)
    }
    guard let groups = agent.groupCount, gate.isReady else {
      if let answerPeer { return answerPeer(PeerFrame(.notPrimary)) }
      return refuse(message, from: source, because: .starting)
    }
    let addressOfRecord: String
    switch registrar.target(of: message) {
    case .user(let user): addressOfRecord = user
    case .refused(let reply):
      guard let response = registrar.response(reply, to: message, from: source) else {
        return metrics.dropped(.malformed)
      }
      if let answerPeer { return answerPeer(PeerFrame(.response, body: ByteBuffer(bytes: response))) }
      return writer.send(response, to: message, from: source)
    }
    if answerPeer == nil,
      case .refused(let status, let headers) = gate.admit(message, for: addressOfRecord, at: agent.poolTime)
    {
      return answer(status, headers, to: message, from: source)
    }
    if answerPeer == nil { inProgress.insert(key) } else { passedInCount += 1 }
    desk.take(
      PendingRequest(
        message: message,
        source: source,
        key: key,
        addressOfRecord: addressOfRecord,
        group: RoutingGroupID(addressOfRecord: addressOfRecord.utf8, groups: groups),
        arrived: now,
        deadline: now + configuration.limits.routingPatience,
        answerPeer: answerPeer
      )
    )
  }
}

// MARK: - For the desk

extension SIPService: PrimaryDeskOwner {
  func decide(_ request: PendingRequest, on record: StoredRecord?) -> RecordDecision {
    let now = agent.poolTime
    let outcome = gate.check(request, at: now) { registrar.isRepeat(request.message, of: record, at: now) }
    switch outcome {
    case .passed(let user):
      return registrar.decide(request, on: record, authenticated: user, at: now)
    case .refused(let status, let headers):
      guard
        let response = writer.response(status, to: request.message, from: request.source, headers: headers)
      else { return .unreadable }
      return .answer(response)
    }
  }

  func answer(_ request: PendingRequest, with response: [UInt8]) {
    let now = ServerClock.now()
    let time = now - request.arrived
    metrics.registerTime.recordNanoseconds(time.nanoseconds)
    // Those that waited for another server or for a swap say nothing about this one.
    if !request.isTimed { admission.answered(after: time, at: now) }
    if let answer = request.answerPeer {
      answer(PeerFrame(.response, body: ByteBuffer(bytes: response)))
    } else {
      if request.source.flow != 0, ResponseWriter.status(of: response) == 200 {
        flowRegistrations.registered(request.addressOfRecord, on: request.source.flow)
      }
      writer.send(response, to: request.message, from: request.source)
    }
  }

  func refuse(_ request: PendingRequest, because reason: RefusalReason) {
    if let answer = request.answerPeer {
      metrics.refused(reason)
      answer(PeerFrame(.busy))
    } else {
      refuse(request.message, from: request.source, because: reason)
    }
  }

  func ended(_ request: PendingRequest) {
    if request.answerPeer == nil { inProgress.remove(request.key) } else { passedInCount -= 1 }
  }
}

// MARK: - From other servers

extension SIPService: PeerService {
  func peerCalled(_ frame: PeerFrame, from peer: ServerName, answer: @escaping (PeerFrame) -> Void) {
    switch frame.type {
    case .request:
      metrics.passedIn.increment()
      guard let passed = PassedRequest(frame.body), let message = try? SIPMessage(parsing: passed.bytes),
        message.method == .register
      else {
        metrics.dropped(.malformed)
        return answer(PeerFrame(.notPrimary))
      }
      register(message, from: passed.source, at: ServerClock.now(), answerPeer: answer)
    case .nonces:
      if let handOver = ReplayGuard.HandOver(frame.body, groups: agent.groupCount ?? 0) {
        gate.takeOver(handOver)
      } else {
        metrics.dropped(.malformed)
      }
      answer(PeerFrame(.delivered))
    case .lookup, .deliver, .deliverDatagram, .returned:
      router.peerCalled(frame, from: peer, answer: answer)
    default:
      break
    }
  }
}

extension SIPMessage {
  /// Whether To has a tag: the request belongs to a dialog that is there already.
  var isInDialog: Bool {
    guard let to = try? to else { return false }
    return to.tag != nil
  }
}
