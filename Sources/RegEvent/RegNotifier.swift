import Registrar
import SIPMessage
import SIPTransaction

/// The notifier of the event package `reg` (RFC 3680 over RFC 6665): who wants to know of whose registrations.
///
/// It performs nothing and has no clock: every method takes the time (`now`, milliseconds of **pool time**, as in the
/// records) and gives actions, which the shell performs in their order. It belongs to one event loop.
///
/// ## How a shell uses it
/// 1. A SUBSCRIBE with Event `reg` for a user of the domain (also one with another Event, for which the domain answers
///    489 itself; and one with a To tag along our Contact): authenticate it, see that the subscriber may know (the user
///    itself), read the user's record, then `subscribed(...)`. Its Request-URI in a dialog is our Contact; put the
///    canonical address-of-record into the user part of that, or ask `addressOfRecord(of:)`.
/// 2. Whenever the record of a user changes (the watch of the replica): `recordChanged(of:to:at:)`, only for users for
///    whom `isWatched` says so. Call it after `subscribed` too if the record was read before. The expiry of contacts it sees by itself.
/// 3. A client is to be moved: `deactivate(binding, of:)`. Only the subscriptions of that client are told, the record
///    stays as it is. No actions means that it cannot be told this way.
/// 4. The server goes out: after that `finish(most:)`, again and again until `count` is 0: the subscribers are told to subscribe
///    again, which takes them to another server.
/// 5. A response to NOTIFY: `responseReceived`; false when it is for none of ours. A send that failed: `sendFailed`.
/// 6. One timer: after each call set it to `nextDeadline`; when it fires call `timeAdvanced`.
///
/// A subscription is lost with its server; RFC 6665 leaves it to the subscriber to notice when it renews it (481).
public final class RegNotifier<Destination> {
  /// What to do.
  public typealias Action = RegAction<Destination>

  /// A user whom somebody watches.
  private struct Watched {
    /// The contacts that counted when it was last looked.
    var known: [Binding]
    var subscriptions: [UInt64] = []
    var nextExpiry: Int64? { known.map(\.expiresAt).min() }
  }

  private let configuration: RegConfiguration
  private var subscriptions: [UInt64: Subscription<Destination>] = [:]
  private var users: [String: Watched] = [:]
  /// By our tag, which no two dialogs have.
  private var dialogs: [[UInt8]: UInt64] = [:]
  private var branches: [[UInt8]: UInt64] = [:]
  private var queue = DeadlineQueue()
  private var lastSerial: UInt64 = 0

  /// Makes one without subscriptions.
  public init(_ configuration: RegConfiguration) { self.configuration = configuration }

  /// How many subscriptions there are.
  public var count: Int { subscriptions.count }

  /// How many of them have not ended: the others only wait for the answer to their last NOTIFY.
  public var openCount: Int { subscriptions.values.count { $0.end == nil } }

  /// Whether somebody watches a user.
  public func isWatched(_ addressOfRecord: String) -> Bool { users[addressOfRecord] != nil }

  /// The user that a request in the dialog of a subscription is about; nil when there is no such dialog.
  public func addressOfRecord(of request: SIPMessage) -> String? {
    do throws(SIPParseError) {
      guard let local = try request.to.tag, let remote = try request.from.tag,
        let subscription = dialogs[Array(local)].flatMap({ subscriptions[$0] }),
        subscription.remoteTag.elementsEqual(remote), try subscription.callID.elementsEqual(request.callID)
      else { return nil }
      return subscription.addressOfRecord
    } catch {
      return nil
    }
  }

  // MARK: - SUBSCRIBE

  /// A SUBSCRIBE to the registrations of a user came.
  /// - Parameters:
  ///   - addressOfRecord: the user, canonical.
  ///   - record: the registrations now; nil when there are none.
  public func subscribed(
    _ message: SIPMessage,
    to addressOfRecord: String,
    record: RegistrationRecord?,
    from source: RegSource<Destination>,
    at now: Int64
  ) -> [Action] {
    var actions: [Action] = []
    do throws(SubscribeRequest.Refusal) {
      let request = try SubscribeRequest(message, configuration)
      let (subscription, isRepeat) = try find(request, addressOfRecord, record, source, at: now)
      look(at: addressOfRecord, record, at: now)
      respond(200, to: message, subscription, request.seconds, source, &actions)
      if !isRepeat {
        subscription.wantFull()
        if request.seconds == 0 { subscription.finish(.timeout) }
      }
      settle(users[addressOfRecord]?.subscriptions ?? [], at: now, &actions)
    } catch {
      refuse(error, message, source, &actions)
    }
    return actions
  }

  /// The subscription of a SUBSCRIBE: that of its dialog, that which a repeat has made already, or a new one.
  private func find(
    _ request: SubscribeRequest,
    _ addressOfRecord: String,
    _ record: RegistrationRecord?,
    _ source: RegSource<Destination>,
    at now: Int64
  ) throws(SubscribeRequest.Refusal) -> (Subscription<Destination>, isRepeat: Bool) {
    let mine = (users[addressOfRecord]?.subscriptions ?? []).compactMap { subscriptions[$0] }
    let same = mine.filter { $0.callID == request.callID && $0.remoteTag == request.fromTag }
    if let toTag = request.toTag {
      guard let found = same.first(where: { $0.localTag == toTag }) else {
        throw SubscribeRequest.Refusal(status: 481)
      }
      if request.cseq == found.remoteCSeq { return (found, true) }
      guard found.end == nil else { throw SubscribeRequest.Refusal(status: 481) }
      guard request.cseq > found.remoteCSeq else {
        throw SubscribeRequest.Refusal(status: 500, reason: "CSeq Out Of Order")
      }
      found.renewed(request, from: source, at: now)
      return (found, false)
    }
    let localTag = request.message.statelessToTag(key: configuration.key)
    if let found = same.first(where: { $0.localTag == localTag }) { return (found, true) }
    guard subscriptions.count < configuration.mostSubscriptions else {
      var refusal = SubscribeRequest.Refusal(status: 503)
      refusal.headers.add(.retryAfter, 30)
      throw refusal
    }
    guard mine.count < configuration.mostPerUser else {
      throw SubscribeRequest.Refusal(status: 403, reason: "Too Many Subscriptions")
    }
    lastSerial &+= 1
    let made = Subscription(
      serial: lastSerial,
      addressOfRecord: addressOfRecord,
      request,
      localTag: localTag,
      source: source,
      at: now
    )
    subscriptions[lastSerial] = made
    dialogs[localTag] = lastSerial
    users[addressOfRecord, default: Watched(known: record?.liveBindings(at: now) ?? [])]
      .subscriptions.append(lastSerial)
    return (made, false)
  }

  private func respond(
    _ status: Int,
    to message: SIPMessage,
    _ subscription: Subscription<Destination>,
    _ seconds: UInt32,
    _ source: RegSource<Destination>,
    _ actions: inout [Action]
  ) {
    var headers = configuration.headers
    headers.add(.expires, UInt64(seconds))
    do throws(SIPWriteError) {
      try headers.add(.contact, Array("<".utf8) + source.contact + Array(">".utf8))
      // RFC 3261 section 12.1.1: the subscriber learns the route set from the response.
      for route in subscription.routes { try headers.add(.recordRoute, route) }
      let bytes = try message.response(
        status: status,
        toTag: subscription.localTag,
        source: source.address,
        headers: headers
      )
      actions.append(.respond(bytes, to: source.destination))
    } catch {
      subscription.drop()
    }
  }

  private func refuse(
    _ refusal: SubscribeRequest.Refusal,
    _ message: SIPMessage,
    _ source: RegSource<Destination>,
    _ actions: inout [Action]
  ) {
    var headers = refusal.headers
    headers.add(configuration.headers)
    do throws(SIPWriteError) {
      let bytes = try message.response(
        status: refusal.status,
        reason: refusal.reason,
        toTag: message.statelessToTag(key: configuration.key),
        source: source.address,
        headers: headers
      )
      actions.append(.respond(bytes, to: source.destination))
    } catch {
      return
    }
  }

  // MARK: - Changes

  /// The record of a user has changed.
  /// - Parameter record: nil when there is none any more.
  public func recordChanged(
    of addressOfRecord: String,
    to record: RegistrationRecord?,
    at now: Int64
  ) -> [Action] {
    var actions: [Action] = []
    look(at: addressOfRecord, record, at: now)
    settle(users[addressOfRecord]?.subscriptions ?? [], at: now, &actions)
    return actions
  }

  /// Compares what is known of a user with the record, and lets its subscriptions know what has changed.
  private func look(at addressOfRecord: String, _ record: RegistrationRecord?, at now: Int64) {
    guard let user = users[addressOfRecord] else { return }
    let changes = ContactChange.changes(from: user.known, to: record, at: now)
    guard !changes.isEmpty else { return }
    users[addressOfRecord]?.known = record?.liveBindings(at: now) ?? []
    for serial in user.subscriptions { subscriptions[serial]?.add(changes) }
  }

  /// Tells the client that a contact belongs to, and nobody else, to register it anew. The contact stays registered.
  public func deactivate(_ binding: Binding, of addressOfRecord: String, at now: Int64) -> [Action] {
    var actions: [Action] = []
    let serials = users[addressOfRecord]?.subscriptions ?? []
    let owned = serials.filter { subscriptions[$0]?.isOwned(by: binding) == true }
    for serial in owned {
      subscriptions[serial]?.add([ContactChange(binding, .deactivated)], isUrgent: true)
    }
    settle(owned, at: now, &actions)
    return actions
  }

  /// Ends subscriptions, oldest first.
  /// - Parameters:
  ///   - most: how many in this call, so that those who come back do not do so all at once.
  ///   - reason: why.
  public func finish(most: Int, reason: RegEnd = .deactivated, at now: Int64) -> [Action] {
    var actions: [Action] = []
    let open = subscriptions.values.filter { $0.end == nil }.map(\.serial).sorted()
    let chosen = open.prefix(max(0, most))
    for serial in chosen { subscriptions[serial]?.finish(reason) }
    settle(Array(chosen), at: now, &actions)
    return actions
  }

  /// Ends the subscriptions of a stream that is about to be closed: their last NOTIFY goes out on it.
  /// - Parameter flow: as `RegSource.flow` has it; not empty.
  public func finish(onFlow flow: [UInt8], reason: RegEnd = .deactivated, at now: Int64) -> [Action] {
    var actions: [Action] = []
    guard !flow.isEmpty else { return actions }
    let serials = subscriptions.values.filter { $0.end == nil && $0.source.flow == flow }.map(\.serial)
      .sorted()
    for serial in serials { subscriptions[serial]?.finish(reason) }
    settle(serials, at: now, &actions)
    return actions
  }

  // MARK: - NOTIFY

  /// A response came.
  /// - Returns: nil when it is for no NOTIFY of ours.
  public func responseReceived(_ response: SIPMessage, at now: Int64) -> [Action]? {
    let branch: [UInt8]
    do throws(SIPParseError) {
      branch = Array(try response.topVia.branch ?? [])
      guard try response.cseq.method == .notify else { return nil }
    } catch {
      return nil
    }
    guard let serial = branches[branch], let subscription = subscriptions[serial] else { return nil }
    if response.status >= 200 { branches[branch] = nil }
    subscription.notifyAnswered(status: response.status)
    var actions: [Action] = []
    settle([serial], at: now, &actions)
    return actions
  }

  /// A NOTIFY could not be sent: its subscription ends.
  public func sendFailed(_ id: RegNotifyID, at now: Int64) -> [Action] {
    guard let subscription = subscriptions[id.subscription] else { return [] }
    subscription.notifyFailed(id)
    var actions: [Action] = []
    settle([id.subscription], at: now, &actions)
    return actions
  }

  // MARK: - Time

  /// When `timeAdvanced` is to be called; nil when there is nothing to wait for. It may be too early, never too late.
  public var nextDeadline: Int64? { queue.first?.at }

  /// Does what is due.
  public func timeAdvanced(to now: Int64) -> [Action] {
    var actions: [Action] = []
    while let entry = queue.first, entry.at <= now {
      _ = queue.removeFirst()
      guard let subscription = subscriptions[entry.id], subscription.queuedAt == entry.at else {
        continue
      }
      subscription.queuedAt = nil
      if let (bytes, id) = subscription.timeAdvanced(to: now) {
        actions.append(.send(bytes, to: subscription.source.notifyDestination, id))
      }
      if subscription.expiresAt <= now { subscription.finish(.timeout) }
      var touched = [entry.id]
      if let user = users[subscription.addressOfRecord], let expiry = user.nextExpiry, expiry <= now {
        look(at: subscription.addressOfRecord, RegistrationRecord(bindings: user.known), at: now)
        touched = user.subscriptions
      }
      settle(touched, at: now, &actions)
    }
    return actions
  }

  /// Sends what is due, forgets what is over, and sees that the queue has the next time of all others.
  private func settle(_ serials: [UInt64], at now: Int64, _ actions: inout [Action]) {
    for serial in serials {
      guard let subscription = subscriptions[serial] else { continue }
      let user = users[subscription.addressOfRecord]
      if let (bytes, id) = subscription.notifyIfDue(user?.known ?? [], configuration, at: now) {
        if let branch = subscription.branch { branches[branch] = serial }
        actions.append(.send(bytes, to: subscription.source.notifyDestination, id))
      }
      guard !subscription.isOver else {
        forget(subscription)
        continue
      }
      guard let next = subscription.nextDeadline(configuration, change: user?.nextExpiry) else { continue }
      if let queuedAt = subscription.queuedAt, queuedAt <= next { continue }
      subscription.queuedAt = next
      queue.insert(.init(at: next, id: serial))
    }
  }

  private func forget(_ subscription: Subscription<Destination>) {
    if let branch = subscription.branch { branches[branch] = nil }
    subscriptions[subscription.serial] = nil
    dialogs[subscription.localTag] = nil
    let user = subscription.addressOfRecord
    users[user]?.subscriptions.removeAll { $0 == subscription.serial }
    if users[user]?.subscriptions.isEmpty == true { users[user] = nil }
  }
}
