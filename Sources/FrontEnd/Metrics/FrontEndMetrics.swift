import CoreMetrics
import Metrics
import SIPMessage

/// Why something that came in was dropped or turned away.
enum DropReason: String, CaseIterable {
  /// It is no SIP message.
  case malformed
  /// A response without a Via of ours, or one that cannot be sent on.
  case strayResponse
  /// A stream whose framing was lost.
  case framingLost
  /// A stream that took too long for a message or for reading ours.
  case slowStream
  /// A stream whose other side had finished sending and did not end it.
  case halfClosed
  /// Too many streams, in all or from one address.
  case connectionLimit
  /// Its source sends too much.
  case sourceLimit
  /// A repeat of a request that is being worked on.
  case repeated
  /// The socket reported an error.
  case socketError
  /// A UDP socket had no room for it: more comes than is read.
  case socketFull
  /// An ACK that goes nowhere.
  case strayAck
  /// What should be sent could not be: the flow is gone or takes no more.
  case unsendable
}

/// Why a request got a 503.
enum RefusalReason: String, CaseIterable {
  /// The server is out of service or on its way out.
  case leaving
  /// No primary was found for its group in time.
  case noPrimary
  /// Too much is in flight.
  case overload
  /// Too many requests of one address-of-record.
  case addressOfRecordQueue
  /// Too much waits for a swap to end.
  case heldQueue
  /// The fabric store could not take the write.
  case store
  /// The record was written by others again and again.
  case conflicts
  /// The server is not yet ready.
  case starting
}

/// The metrics of one server, made once.
struct FrontEndMetrics {
  private let drops: [DropReason: Counter]
  private let refusals: [RefusalReason: Counter]
  private let responses: [Counter]
  private let authentications: [String: Counter]
  /// Requests taken, by method.
  private let requests: [SIPMethod: Counter]
  private let otherRequests: Counter
  /// Requests passed on to another server.
  let passedOn: Counter
  /// Requests taken from another server.
  let passedIn: Counter
  /// Messages forwarded to a client or towards one.
  let forwarded: Counter
  /// Requests that went to more than one contact.
  let forked: Counter
  /// Contacts that could not be reached, by why.
  let flowsGone: Counter
  let unreachable: Counter
  /// Answered requests that were forgotten before their time, because there were too many.
  let forgottenEarly: Meter
  /// Requests passed on to contacts and not yet answered, and those that are answered and remembered.
  let proxied: Meter
  let proxiedRemembered: Meter
  let proxiedBytes: Meter
  /// Streams that were opened to contacts, and those that could not be.
  let connected: Counter
  let connectFailed: Counter
  let outgoing: Meter
  /// Subscriptions to the event package `reg`, what became of SUBSCRIBEs for them, NOTIFYs sent and those that could not be.
  let subscriptions: Meter
  private let subscribes: [String: Counter]
  let notifies: Counter
  let notifiesFailed: Counter
  /// Streams with registrations that were closed because the server went out, by whether their clients had moved.
  private let drainedMoved: Counter
  private let drainedNotMoved: Counter
  /// Groups' nonce counts that came from the primary before, by whether they could be taken in at once.
  private let handOversTaken: Counter
  private let handOversKept: Counter
  /// From the arrival of a REGISTER to its answer.
  let registerTime: Metrics.Timer
  /// Writes in one commit of the fabric.
  let batchSize: Recorder
  /// Time of one commit of the fabric.
  let batchTime: Metrics.Timer
  /// Time of one renewal of the lease.
  let renewalTime: Metrics.Timer
  /// Requests in flight.
  let inFlight: Meter
  /// Open streams.
  let streams: Meter
  /// Users of the pool.
  let users: Meter
  /// Groups led.
  let groupsLed: Meter
  /// Records held in all replicas.
  let records: Meter

  /// How an answer to a challenge, or a request without one, ended.
  private static let authenticationOutcomes = [
    "challenged", "proved", "stale", "other", "reserved", "forgedNonce", "wrongRealm", "noSecret", "noQop",
    "wrongHash",
  ]

  private static let methods: [SIPMethod] = [
    .register, .options, .invite, .ack, .bye, .cancel, .message, .subscribe, .notify,
  ]

  /// Makes them in `factory`.
  init(_ factory: any MetricsFactory) {
    func counter(_ name: String, _ labels: [(String, String)] = []) -> Counter {
      Counter(label: "quorate_\(name)", dimensions: labels, factory: factory)
    }
    drops = Dictionary(
      uniqueKeysWithValues: DropReason.allCases.map {
        ($0, counter("dropped_total", [("reason", $0.rawValue)]))
      }
    )
    refusals = Dictionary(
      uniqueKeysWithValues: RefusalReason.allCases.map {
        ($0, counter("refused_total", [("reason", $0.rawValue)]))
      }
    )
    responses = (1...6).map { counter("responses_total", [("class", "\($0)xx")]) }
    requests = Dictionary(
      uniqueKeysWithValues: Self.methods.map { ($0, counter("requests_total", [("method", $0.rawValue)])) }
    )
    otherRequests = counter("requests_total", [("method", "other")])
    authentications = Dictionary(
      uniqueKeysWithValues: Self.authenticationOutcomes.map {
        ($0, counter("authentications_total", [("outcome", $0)]))
      }
    )
    passedOn = counter("passed_on_total")
    passedIn = counter("passed_in_total")
    forwarded = counter("forwarded_total")
    forked = counter("proxy_forked_total")
    flowsGone = counter("proxy_unreached_total", [("reason", "flow")])
    unreachable = counter("proxy_unreached_total", [("reason", "transport")])
    connected = counter("outgoing_connections_total")
    connectFailed = counter("outgoing_connections_failed_total")
    func gauge(_ name: String) -> Meter { Meter(label: "quorate_\(name)", factory: factory) }
    forgottenEarly = gauge("proxy_forgotten_early")
    proxied = gauge("proxy_requests")
    proxiedRemembered = gauge("proxy_remembered")
    proxiedBytes = gauge("proxy_bytes")
    outgoing = gauge("outgoing_streams")
    subscriptions = gauge("subscriptions")
    subscribes = Dictionary(
      uniqueKeysWithValues: ["taken", "forbidden"].map {
        ($0, counter("subscribes_total", [("outcome", $0)]))
      }
    )
    drainedMoved = counter("drained_clients_total", [("outcome", "moved")])
    drainedNotMoved = counter("drained_clients_total", [("outcome", "not_moved")])
    handOversTaken = counter("nonce_hand_overs_total", [("outcome", "taken")])
    handOversKept = counter("nonce_hand_overs_total", [("outcome", "kept")])
    notifies = counter("notifies_total")
    notifiesFailed = counter("notifies_failed_total")
    registerTime = Metrics.Timer(label: "quorate_register_seconds", dimensions: [], factory: factory)
    batchSize = Recorder(label: "quorate_commit_writes", dimensions: [], aggregate: true, factory: factory)
    batchTime = Metrics.Timer(label: "quorate_commit_seconds", dimensions: [], factory: factory)
    renewalTime = Metrics.Timer(label: "quorate_lease_renewal_seconds", dimensions: [], factory: factory)
    inFlight = Meter(label: "quorate_requests_in_flight", factory: factory)
    streams = Meter(label: "quorate_streams", factory: factory)
    users = Meter(label: "quorate_users", factory: factory)
    groupsLed = Meter(label: "quorate_groups_led", factory: factory)
    records = Meter(label: "quorate_records", factory: factory)
  }

  /// Counts something dropped.
  func dropped(_ reason: DropReason, _ count: Int = 1) {
    if count > 0 { drops[reason]?.increment(by: Int64(count)) }
  }

  /// Counts a 503.
  func refused(_ reason: RefusalReason) { refusals[reason]?.increment() }

  /// Counts a request by its method.
  func request(_ method: SIPMethod) { (requests[method] ?? otherRequests).increment() }

  /// Counts what came of asking somebody to prove who it is.
  func authenticated(_ outcome: String) { authentications[outcome]?.increment() }

  /// Counts the clients of a stream that was closed because the server went out.
  func drained(isMoved: Bool) { (isMoved ? drainedMoved : drainedNotMoved).increment() }

  /// Counts nonce counts that came from the primary before.
  func handedOver(isTaken: Bool) { (isTaken ? handOversTaken : handOversKept).increment() }

  /// Counts a SUBSCRIBE to the event package `reg`.
  func subscribed(_ outcome: String) { subscribes[outcome]?.increment() }

  /// Counts a response of ours.
  func response(_ status: Int) {
    let index = status / 100 - 1
    if responses.indices.contains(index) { responses[index].increment() }
  }
}
