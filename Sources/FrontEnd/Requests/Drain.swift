import Logging
import PoolModel

/// A server on its way out: waits until nothing is in flight and its clients have moved or their time is over, then says
/// so in the fabric. Clients over UDP move when they are answered 503. Streams are closed one after the other, evenly over
/// the drain time and the longest silent first, so that their clients do not all come to the others at once.
final class Drain {
  /// Nothing may be in flight for so long: answers may cross with requests that were sent before they came.
  static let quiet: Duration = .milliseconds(250)

  /// How long answers of contacts are waited for.
  static let patience: Duration = .seconds(2)

  private let drainTime: Duration
  private let agent: any FabricPart
  private let service: SIPService
  private let logger: Logger
  private let began = ServerClock.now()
  private let streamsAtFirst: Int
  private var quietSince: Instant?
  private var isFinished = false

  /// - Parameter drainTime: how long streams may stay: the operator's own word when the mark carries one.
  init(drainTime: Duration, agent: any FabricPart, service: SIPService, logger: Logger) {
    self.drainTime = drainTime
    self.agent = agent
    self.service = service
    self.logger = logger
    streamsAtFirst = service.transports.flows.count
  }

  /// Looks whether it is done.
  func tick(at now: Instant) {
    guard !isFinished else { return }
    paceStreams(at: now)
    guard service.requestsInFlight == 0 else {
      quietSince = nil
      return
    }
    let since = quietSince ?? now
    quietSince = since
    guard now - since >= Self.quiet else { return }
    let streams = service.transports.flows.count
    let ringing = service.callsRinging
    let proxied = service.requestsProxied - ringing
    // A contact that is gone answers nothing; a call may be answered as long as streams may stay.
    guard proxied == 0 || now - began >= min(drainTime, Self.patience) else { return }
    guard streams + ringing == 0 || now - began >= drainTime else { return }
    isFinished = true
    service.endProxied()
    service.transports.closeStreams()
    logger.info(
      "drained",
      metadata: [
        "milliseconds": "\((now - began).milliseconds)", "streams": "\(streamsAtFirst)",
        "unanswered": "\(proxied + ringing)",
      ]
    )
    agent.drainFinished()
  }

  private func paceStreams(at now: Instant) {
    let flows = service.transports.flows
    guard !flows.isEmpty else { return }
    let whole = max(1, drainTime.nanoseconds)
    let left = max(0, whole - (now - began).nanoseconds)
    let share = Double(left) / Double(whole)
    let surplus = flows.count - Int((Double(streamsAtFirst) * share).rounded(.up))
    guard surplus > 0 else { return }
    for flow in flows.values.sorted(by: { $0.lastUse < $1.lastUse }).prefix(surplus) { flow.close() }
  }
}
