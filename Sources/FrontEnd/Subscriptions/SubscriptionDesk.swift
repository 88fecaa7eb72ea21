import CoreMetrics
import FabricAgent
import NIOCore
import PoolModel
import RegEvent
import Registrar
import SIPMessage
import SIPTransaction

/// The event package `reg` (RFC 3680) at this server: takes SUBSCRIBE for users of the domain, sends NOTIFY, and looks
/// after the records of the users that are watched. `RegNotifier` decides; here is found who asks and how to reach it.
///
/// A subscription lives at the server that it came to and is lost with it, as RFC 6665 allows: its client renews it and
/// gets 481. A planned stop ends it with `deactivated`, upon which its client subscribes again, at another server.
final class SubscriptionDesk {
  private unowned let service: SIPService
  private let notifier: RegNotifier<SubscriberHop>
  /// Users that are watched, with the revision of the record that was last looked at; `nil` for one without a replica here.
  private var watched: [String: UInt64] = [:]
  private var lastLook = ServerClock.now()

  init(service: SIPService) {
    self.service = service
    let limits = service.configuration.limits
    var headers = SIPHeaderBlock()
    try? headers.add(.server, "Quorate/\(service.configuration.version)")
    notifier = RegNotifier(
      RegConfiguration(
        key: KeyedHash.Key(secret: service.secret, purpose: "reg event 1"),
        instance: UInt64.random(in: .min ... .max),
        mostSubscriptions: limits.subscriptions,
        mostPerUser: limits.subscriptionsPerUser,
        interval: limits.notifyInterval.milliseconds,
        headers: headers
      )
    )
  }

  /// How many subscriptions there are.
  var count: Int { notifier.count }

  private var now: Int64 { service.agent.poolTime.milliseconds }

  /// Whether a SUBSCRIBE to a user of the domain is for this server to answer. Other packages go on to the user's contacts.
  static func isOurs(_ message: SIPMessage) -> Bool {
    guard message.method == .subscribe, let event = try? message.optionalValue(.event) else { return false }
    let package = event.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
    return String(decoding: package, as: UTF8.self).lowercased() == "reg"
  }

  // MARK: - SUBSCRIBE

  /// Takes a SUBSCRIBE whose sender is known.
  /// - Parameters:
  ///   - user: whose registrations; of a renewal the dialog says it.
  ///   - subscriber: who asks; `nil` when the pool is open and nobody was asked to prove who it is.
  ///   - userPart: of the Request-URI, for our Contact.
  func subscribe(
    _ message: SIPMessage,
    to user: String,
    by subscriber: String?,
    userPart: [UInt8],
    from source: MessageSource
  ) {
    var target = user
    if message.isInDialog {
      guard let known = notifier.addressOfRecord(of: message) else {
        return service.reply(481, to: message, from: source)
      }
      target = known
    }
    guard subscriber == nil || subscriber == target else {
      service.metrics.subscribed("forbidden")
      return service.reply(403, to: message, from: source)
    }
    guard let origin = origin(of: message, userPart, from: source) else {
      return service.reply(400, to: message, from: source)
    }
    service.router.record(of: target) { [self] found in
      guard case .found(let record) = found else {
        return service.refuse(message, from: source, because: .noPrimary)
      }
      service.metrics.subscribed("taken")
      let revision = stored(target)?.revision ?? 0
      perform(notifier.subscribed(message, to: target, record: record, from: origin, at: now))
      if notifier.isWatched(target) { watched[target] = revision }
    }
  }

  private func origin(of message: SIPMessage, _ userPart: [UInt8], from source: MessageSource)
    -> RegSource<SubscriberHop>?
  {
    guard let local = service.transports.local(source.kind, isV6: source.address.isV6) else { return nil }
    let back: SubscriberHop
    let notify: SubscriberHop
    switch source.way {
    case .peer: return nil
    case .stream(let flow): (back, notify) = (.stream(flow.id), .stream(flow.id))
    case .datagram(let port):
      guard let remote = ResponseWriter.destination(of: message, from: source),
        let seen = source.address.socketAddress(port: Int(source.port))
      else { return nil }
      back = .datagram(port, remote)
      // To the address that it came from and never to one that it names: nobody can have us send to others.
      notify = .datagram(port, Self.listening(message, at: source) ?? seen)
    }
    let isSecure = source.kind == .tls
    let transport = source.kind == .tcp ? ";transport=tcp" : ""
    var flow: [UInt8] = []
    if source.flow != 0 { flow = FlowReference.text(.init(server: source.server, flow: source.flow)) }
    return RegSource(
      destination: back,
      notifyDestination: notify,
      transport: source.isReliable ? .reliable : .unreliable,
      via: Array("SIP/2.0/\(source.kind.token) \(local)".utf8),
      contact: Array((isSecure ? "sips:" : "sip:").utf8) + userPart + Array("@\(local)\(transport)".utf8),
      address: SIPSource(address: source.address.text, port: source.port),
      flow: flow
    )
  }

  /// The port of the subscriber's Contact at the address that it was seen at; `nil` when it names another address.
  private static func listening(_ message: SIPMessage, at source: MessageSource) -> SocketAddress? {
    guard message.count(.recordRoute) == 0, case .contacts(let contacts)? = try? message.contacts(most: 2),
      let uri = contacts.first?.uri,
      let named = try? SocketAddress(
        ipAddress: NextHop.bare(uri.canonicalHost),
        port: Int(uri.port ?? 5_060)
      ),
      IPAddress(named) == source.address
    else { return nil }
    return named
  }

  // MARK: - NOTIFY

  /// Takes a response.
  /// - Returns: whether it is one to a NOTIFY of ours.
  func response(_ message: SIPMessage) -> Bool {
    guard notifier.count > 0, let actions = notifier.responseReceived(message, at: now) else { return false }
    perform(actions)
    return true
  }

  private func perform(_ actions: [RegAction<SubscriberHop>]) {
    var actions = actions
    var index = 0
    while index < actions.count {
      switch actions[index] {
      case .respond(let bytes, let hop):
        service.metrics.response(ResponseWriter.status(of: bytes))
        if !send(bytes, hop) { service.metrics.dropped(.unsendable) }
      case .send(let bytes, let hop, let id):
        if send(bytes, hop) {
          service.metrics.notifies.increment()
        } else {
          service.metrics.notifiesFailed.increment()
          actions += notifier.sendFailed(id, at: now)
        }
      }
      index += 1
    }
    service.metrics.subscriptions.set(notifier.count)
  }

  private func send(_ bytes: [UInt8], _ hop: SubscriberHop) -> Bool {
    switch hop {
    case .stream(let flow): service.transports.flows[flow]?.send(ByteBuffer(bytes: bytes)) == true
    case .datagram(let port, let remote): port.send(bytes, to: remote)
    }
  }

  // MARK: - Changes

  /// Does what is due, and looks at the records of the users that are watched.
  func tick(at instant: Instant) {
    guard notifier.count > 0 else { return }
    if let next = notifier.nextDeadline, next <= now { perform(notifier.timeAdvanced(to: now)) }
    guard instant - lastLook >= service.configuration.limits.recordLookInterval else { return }
    lastLook = instant
    for (user, revision) in watched {
      guard notifier.isWatched(user) else {
        watched[user] = nil
        continue
      }
      look(at: user, knownAt: revision)
    }
  }

  /// A replica that is here is asked for its revision, which costs little. Of a group that has none here its primary is
  /// asked for the record.
  private func look(at user: String, knownAt revision: UInt64) {
    if let group = group(of: user), service.agent.holdsReplica(group) {
      let current = service.agent.record(of: user, in: group)
      guard current?.revision ?? 0 != revision else { return }
      watched[user] = current?.revision ?? 0
      let record = current.flatMap { try? RegistrationRecord(decoding: $0.bytes) }
      // One that cannot be read says nothing.
      guard record != nil || current == nil else { return }
      return perform(notifier.recordChanged(of: user, to: record, at: now))
    }
    service.router.record(of: user) { [weak self] found in
      guard let self, case .found(let record) = found else { return }
      perform(notifier.recordChanged(of: user, to: record, at: now))
    }
  }

  private func group(of user: String) -> RoutingGroupID? {
    service.agent.groupCount.map { RoutingGroupID(addressOfRecord: user.utf8, groups: $0) }
  }

  private func stored(_ user: String) -> StoredRecord? {
    group(of: user).flatMap { service.agent.record(of: user, in: $0) }
  }

  // MARK: - A server that goes out

  /// The users that are watched here.
  var users: [String] { watched.keys.sorted() }

  /// Tells a client that has a subscription here to register its contact anew, which it does elsewhere.
  /// - Returns: whether it could be told.
  func deactivate(_ binding: Binding, of user: String) -> Bool {
    let actions = notifier.deactivate(binding, of: user, at: now)
    perform(actions)
    return !actions.isEmpty
  }

  /// Ends the subscriptions on a stream that is about to be closed.
  /// - Returns: whether there were any.
  func finish(on flow: [UInt8]) -> Bool {
    let actions = notifier.finish(onFlow: flow, at: now)
    perform(actions)
    return !actions.isEmpty
  }

  /// Ends some subscriptions, so that their clients subscribe again, which takes them to another server.
  /// - Returns: whether there were any that had not ended.
  func finish(most: Int) -> Bool {
    let open = notifier.openCount
    perform(notifier.finish(most: most, at: now))
    return open > 0
  }
}

/// How a subscriber is reached.
enum SubscriberHop {
  /// On the stream that it opened.
  case stream(UInt64)
  /// By the UDP socket that it sent to.
  case datagram(DatagramPort, SocketAddress)
}
