import CoreMetrics
import NIOCore
import PoolModel
import SIPMessage
import SIPProxy

/// Performs what the proxy's core decides: sends requests and responses, and tells it what could not be sent.
final class ProxyDesk {
  typealias Table = ProxyTable<ProxyHop>

  /// The core.
  let table: Table
  private let transports: TransportSet
  private let network: PeerNetwork
  private let outgoing: OutgoingStreams
  private let metrics: FrontEndMetrics

  init(
    configuration: FrontEndConfiguration,
    secret: [UInt8],
    transports: TransportSet,
    network: PeerNetwork,
    outgoing: OutgoingStreams,
    metrics: FrontEndMetrics
  ) {
    self.transports = transports
    self.network = network
    self.outgoing = outgoing
    self.metrics = metrics
    let limits = configuration.limits
    var headers = SIPHeaderBlock()
    try? headers.add(.server, "Quorate/\(configuration.version)")
    table = Table(
      ProxyConfiguration(
        key: KeyedHash.Key(secret: secret, purpose: "proxy 1"),
        instance: UInt64.random(in: .min ... .max),
        mostContexts: limits.proxied,
        mostPerSource: limits.proxiedPerSource,
        mostRemembered: limits.proxiedRemembered,
        mostBytes: limits.proxiedBytes,
        mostTargets: limits.branches,
        timerC: limits.ringTime.milliseconds,
        headers: headers,
        realm: Array(configuration.domain.lowercased().utf8)
      )
    )
  }

  /// Brings the gauges up to date.
  func measure() {
    metrics.proxied.set(table.unanswered)
    metrics.proxiedRemembered.set(table.count - table.unanswered)
    metrics.proxiedBytes.set(table.bytes)
    metrics.forgottenEarly.set(table.forgottenEarly)
    metrics.outgoing.set(outgoing.count)
  }

  /// Does what is due.
  func tick(at now: Instant) {
    let milliseconds = Self.milliseconds(now)
    guard let next = table.nextDeadline, next <= milliseconds else { return }
    perform(table.timeAdvanced(to: milliseconds))
  }

  /// How many requests have no final answer.
  var unanswered: Int { table.unanswered }
  /// How many of those are calls.
  var ringing: Int { table.unansweredInvites }

  /// Ends what is not answered yet.
  func endAll(at now: Instant) { perform(table.endAll(at: Self.milliseconds(now))) }

  /// The core's time.
  static func milliseconds(_ instant: Instant) -> Int64 { instant.nanoseconds / 1_000_000 }

  /// Does what the core says, and what follows from its failing.
  func perform(_ actions: [Table.Action]) {
    var actions = actions
    var index = 0
    while index < actions.count {
      switch actions[index] {
      case .respond(let bytes, let hop): respond(bytes, hop)
      case .send(let bytes, let hop, let name):
        if let failure = send(bytes, hop, name), let name { actions += failed(name, failure) }
      }
      index += 1
    }
  }

  private func failed(_ name: ProxySend, _ failure: ProxySendFailure) -> [Table.Action] {
    (failure == .flow ? metrics.flowsGone : metrics.unreachable).increment()
    return table.sendFailed(name, failure, at: Self.milliseconds(ServerClock.now()))
  }

  private func failedLater(_ name: ProxySend?, _ failure: ProxySendFailure) {
    if let name { perform(failed(name, failure)) }
  }

  private func respond(_ bytes: [UInt8], _ hop: ProxyHop) {
    metrics.response(ResponseWriter.status(of: bytes))
    let isSent =
      switch hop {
      case .datagram(let port, let remote): port.send(bytes, to: remote)
      case .stream(let flow): transports.flows[flow]?.send(ByteBuffer(bytes: bytes)) == true
      case .connection, .peer, .nowhere: false
      }
    if !isSent { metrics.dropped(.unsendable) }
  }

  /// Sends a request.
  /// - Returns: why it could not be sent, when that is known at once.
  private func send(_ bytes: [UInt8], _ hop: ProxyHop, _ name: ProxySend?) -> ProxySendFailure? {
    switch hop {
    case .nowhere(let failure): return failure
    case .datagram(let port, let remote):
      guard port.send(bytes, to: remote) else { return .transport }
    case .stream(let flow):
      guard let stream = transports.flows[flow], stream.takesRequests,
        stream.send(ByteBuffer(bytes: bytes))
      else { return .flow }
    case .connection(let target):
      outgoing.send(bytes, to: target) { [weak self] isSent in
        if !isSent { self?.failedLater(name, .transport) }
      }
    case .peer(let server, let reach): send(bytes, to: server, reach, name)
    }
    metrics.forwarded.increment()
    return nil
  }

  private func send(_ bytes: [UInt8], to server: ServerName, _ reach: PeerReach, _ name: ProxySend?) {
    var body = ByteBuffer()
    let type: PeerFrameType
    switch reach {
    case .flow(let flow):
      type = .deliver
      body.writeInteger(flow)
    case .datagram(let client):
      type = .deliverDatagram
      client.address.write(to: &body)
      body.writeInteger(client.port)
    }
    body.writeBytes(bytes)
    network.link(to: server).call(type, body) { [weak self] answer in
      guard let self else { return }
      switch (answer, reach) {
      case (.frame(let frame), _) where frame.type == .delivered: break
      case (.full, _): failedLater(name, .transport)
      case (.gone, .datagram(let client)):
        // Its server is out. Perhaps the client can be reached from here.
        guard let remote = client.socketAddress, let port = transports.port(for: remote),
          port.send(bytes, to: remote)
        else { return failedLater(name, .transport) }
      case (.frame, _), (.gone, .flow): failedLater(name, .flow)
      }
    }
  }
}
