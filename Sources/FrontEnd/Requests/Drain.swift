import Logging
import PoolModel

/// A server on its way out: waits until nothing is in flight and its clients have moved or their time is over, then says
/// so in the fabric. Clients over UDP move when they are answered 503; those on streams are given the drain time.
final class Drain {
  /// Nothing may be in flight for so long: answers may cross with requests that were sent before they came.
  static let quiet: Duration = .milliseconds(250)

  private let configuration: FrontEndConfiguration
  private let agent: any FabricPart
  private let service: SIPService
  private let logger: Logger
  private let began = ServerClock.now()
  private var quietSince: Instant?
  private var isFinished = false

  init(configuration: FrontEndConfiguration, agent: any FabricPart, service: SIPService, logger: Logger) {
    self.configuration = configuration
    self.agent = agent
    self.service = service
    self.logger = logger
  }

  /// Looks whether it is done.
  func tick(at now: Instant) {
    guard !isFinished else { return }
    guard service.requestsInFlight == 0 else {
      quietSince = nil
      return
    }
    let since = quietSince ?? now
    quietSince = since
    guard now - since >= Self.quiet else { return }
    let streams = service.transports.flows.count
    if streams > 0, now - began < configuration.drainTime { return }
    isFinished = true
    service.transports.closeStreams()
    logger.info(
      "drained",
      metadata: ["milliseconds": "\((now - began).milliseconds)", "streams_closed": "\(streams)"]
    )
    agent.drainFinished()
  }
}
