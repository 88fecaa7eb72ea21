import CoreMetrics
import Logging
import PoolModel
import Registrar

/// A server on its way out: moves its clients, waits until nothing is in flight, then says so in the fabric.
///
/// New work gets 503 with Retry-After from the beginning. In the first half of the drain time the clients are told, one
/// stream after the other, the longest silent first: those with a subscription to their registrations get a NOTIFY with
/// `deactivated`. A stream is closed as soon as all that registered on it are registered through other servers; in the
/// second half the others are closed, evenly, so that their clients do not all come to the others at once. Streams on
/// which nobody has registered are closed when their turn to be told comes.
///
/// Clients over UDP are told too, and not waited for: other servers reach them.
final class Drain {
  /// Nothing may be in flight for so long: answers may cross with requests that were sent before they came.
  static let quiet: Duration = .milliseconds(250)
  /// How long answers of contacts are waited for.
  static let patience: Duration = .seconds(2)
  /// How often it is looked who has moved.
  static let lookInterval: Duration = .milliseconds(100)
  /// How long a stream stays after the last NOTIFY on it.
  static let lastWordTime: Duration = .milliseconds(250)
  /// How long it is waited for answers to the last NOTIFYs.
  static let farewellTime: Duration = .seconds(1)
  /// Subscriptions that are ended in one turn.
  static let mostFinished = 100

  private let drainTime: Duration
  private let agent: any FabricPart
  private let service: SIPService
  private let logger: Logger
  private let move: ClientMove
  private let began = ServerClock.now()
  /// Streams in the order in which they are told.
  private let streams: [UInt64]
  /// Who has registered on those that are not counted yet.
  private var waiting: [UInt64: [String]] = [:]
  private let watchers: [String]
  private var told = 0
  private var toldWatchers = 0
  private var lastLook = ServerClock.now()
  /// Streams whose last NOTIFY is on its way.
  private var closing: [UInt64: Instant] = [:]
  private var quietSince: Instant?
  /// Since when no subscription is open.
  private var farewell: Instant?
  private var isFinished = false
  /// What became of them so far.
  private(set) var tally = ClientTally()

  /// - Parameter drainTime: how long streams may stay: the operator's own word when the mark carries one.
  init(drainTime: Duration, agent: any FabricPart, service: SIPService, logger: Logger) {
    self.drainTime = drainTime
    self.agent = agent
    self.service = service
    self.logger = logger
    move = ClientMove(server: service.configuration.server)
    streams = service.transports.flows.values.sorted { $0.lastUse < $1.lastUse }.map(\.id)
    watchers = service.subscriptions.users
    for flow in streams {
      let users = service.flowRegistrations.users(on: flow)
      if !users.isEmpty { waiting[flow] = users }
    }
  }

  /// Looks whether it is done.
  func tick(at now: Instant) {
    guard !isFinished else { return }
    let elapsed = now - began
    let isOver = elapsed >= drainTime
    tell(elapsed)
    if now - lastLook >= Self.lookInterval {
      lastLook = now
      closeMoved()
    }
    closeOverdue(elapsed)
    closeTold(at: now)
    if isOver || service.transports.flows.isEmpty, told == streams.count, toldWatchers == watchers.count {
      if !service.subscriptions.finish(most: Self.mostFinished) { farewell = farewell ?? now }
    }
    guard service.requestsInFlight == 0, isOver || hasSaidFarewell(at: now) else {
      quietSince = nil
      return
    }
    let since = quietSince ?? now
    quietSince = since
    guard now - since >= Self.quiet, isOver || service.transports.flows.isEmpty else { return }
    let ringing = service.callsRinging
    // A contact that is gone answers nothing; a call may be answered as long as streams may stay.
    guard service.requestsProxied == ringing || elapsed >= min(drainTime, Self.patience),
      isOver || ringing == 0
    else { return }
    finish(at: now)
  }

  /// Whether every subscription has ended, or was told so and does not answer.
  private func hasSaidFarewell(at now: Instant) -> Bool {
    service.subscriptions.count == 0 || farewell.map { now - $0 >= Self.farewellTime } ?? false
  }

  private func finish(at now: Instant) {
    isFinished = true
    let unanswered = service.requestsProxied
    service.endProxied()
    service.transports.closeStreams()
    logger.info(
      "drained",
      metadata: [
        "milliseconds": "\((now - began).milliseconds)", "streams": "\(streams.count)",
        "clients-moved": "\(tally.moved)", "clients-not-moved": "\(tally.notMoved)",
        "unanswered": "\(unanswered)",
      ]
    )
    agent.drainFinished(tally)
  }

  // MARK: - Telling

  /// How many of a row have had their turn when it takes a part of the drain time.
  static func due(_ count: Int, _ elapsed: Duration, of part: Duration) -> Int {
    guard part > .zero, elapsed < part else { return elapsed >= .zero ? count : 0 }
    // The first at once.
    return min(count, Int(Double(count) * elapsed.inSeconds / part.inSeconds) + 1)
  }

  private func tell(_ elapsed: Duration) {
    let half = drainTime / 2
    let dueStreams = Self.due(streams.count, elapsed, of: half)
    while told < dueStreams {
      tellStream(streams[told])
      told += 1
    }
    let dueWatchers = Self.due(watchers.count, elapsed, of: half)
    while toldWatchers < dueWatchers {
      tellWatcher(watchers[toldWatchers])
      toldWatchers += 1
    }
  }

  private func tellStream(_ flow: UInt64) {
    guard let users = waiting[flow] else { return close(flow) }
    for user in users {
      service.router.record(of: user) { [weak self] found in
        guard let self, case .found(let record) = found else { return }
        let now = service.agent.poolTime.milliseconds
        for binding in move.bindings(on: flow, of: record, at: now) {
          _ = service.subscriptions.deactivate(binding, of: user)
        }
      }
    }
  }

  private func tellWatcher(_ user: String) {
    service.router.record(of: user) { [weak self] found in
      guard let self, case .found(let record) = found else { return }
      for binding in move.datagramBindings(of: record, at: service.agent.poolTime.milliseconds) {
        _ = service.subscriptions.deactivate(binding, of: user)
      }
    }
  }

  // MARK: - Closing

  private func closeMoved() {
    for flow in streams.prefix(told) {
      guard let users = waiting[flow] else { continue }
      var left = users.count
      for user in users {
        service.router.record(of: user) { [weak self] found in
          guard let self, case .found(let record) = found,
            move.isDone(flow, in: record, at: service.agent.poolTime.milliseconds)
          else { return }
          left -= 1
          if left == 0 { count(flow, isMoved: true) }
        }
      }
    }
  }

  private func closeOverdue(_ elapsed: Duration) {
    let half = drainTime / 2
    guard elapsed >= half else { return }
    let share = half > .zero ? min(1, (elapsed - half).inSeconds / half.inSeconds) : 1
    for flow in streams.prefix(Int(Double(streams.count) * share)) {
      // One that its client has closed itself may still be moving.
      if share >= 1 || service.transports.flows[flow] != nil { count(flow, isMoved: false) }
    }
  }

  private func count(_ flow: UInt64, isMoved: Bool) {
    guard waiting.removeValue(forKey: flow) != nil else { return }
    if isMoved { tally.moved += 1 } else { tally.notMoved += 1 }
    service.metrics.drained(isMoved: isMoved)
    close(flow)
  }

  /// The last NOTIFY of a subscription on the stream goes out before it is closed.
  private func close(_ flow: UInt64) {
    guard let stream = service.transports.flows[flow], closing[flow] == nil else { return }
    let place = RouteSeal.Place(server: service.configuration.server, flow: flow)
    guard service.subscriptions.finish(on: FlowReference.text(place)) else { return stream.close() }
    // An answer to the last NOTIFY that met a closed socket could take the NOTIFY with it.
    if closing[flow] == nil { closing[flow] = ServerClock.now() }
  }

  private func closeTold(at now: Instant) {
    for (flow, since) in closing where now - since >= Self.lastWordTime {
      closing[flow] = nil
      service.transports.flows[flow]?.close()
    }
  }
}
