import Registrar
import SIPMessage
import SIPTransaction

/// One subscription: its dialog, what its subscriber has to be told, and the NOTIFY that is on its way. There is one
/// such at a time; what happens meanwhile is told in the next.
final class Subscription<Destination> {
  let serial: UInt64
  let addressOfRecord: String
  let callID: [UInt8]
  let remoteTag: [UInt8]
  let localTag: [UInt8]
  /// To and From of NOTIFY.
  private let remote: [UInt8]
  private let local: [UInt8]
  private let eventID: [UInt8]?
  private(set) var routes: [[UInt8]]
  private(set) var source: RegSource<Destination>
  /// The Contact of the subscriber.
  private(set) var contact: ContactValue
  /// CSeq of the last SUBSCRIBE.
  private(set) var remoteCSeq: UInt32
  private(set) var expiresAt: Int64

  private var version: UInt32 = 0
  private var notifyCSeq: UInt32 = 0
  private var transaction: NonInviteClientTransaction?
  /// The branch of the last NOTIFY.
  private(set) var branch: [UInt8]?
  private var retransmitAt: Int64?
  private var giveUpAt: Int64?
  private var lastNotifyAt: Int64?

  /// What was not told yet, of each contact the last.
  private var pending: [ContactChange] = []
  private var needsFull = false
  private var isUrgent = false
  /// Why it ends, once it does.
  private(set) var end: RegEnd?
  /// Whether it can be forgotten.
  private(set) var isOver = false
  /// The time of the entry in the notifier's queue.
  var queuedAt: Int64?

  /// A contact or two more than a user may have; beyond it everything is told anew.
  private static var mostPending: Int { 64 }

  init(
    serial: UInt64,
    addressOfRecord: String,
    _ request: SubscribeRequest,
    localTag: [UInt8],
    source: RegSource<Destination>,
    at now: Int64
  ) {
    self.serial = serial
    self.addressOfRecord = addressOfRecord
    callID = request.callID
    remoteTag = request.fromTag
    self.localTag = localTag
    remote = Self.unfolded(request.message.header(.from))
    local = Self.unfolded(request.message.header(.to)) + Array(";tag=".utf8) + localTag
    eventID = request.eventID
    routes = request.routes
    self.source = source
    contact = request.contact
    remoteCSeq = request.cseq
    expiresAt = now &+ Int64(request.seconds) &* 1_000
  }

  private static func unfolded(_ value: ArraySlice<UInt8>?) -> [UInt8] {
    (value ?? []).map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }
  }

  var isNotifying: Bool { giveUpAt != nil }

  /// Another SUBSCRIBE of the dialog: the target is refreshed (RFC 6665 section 4.4.1), the route set stays.
  func renewed(_ request: SubscribeRequest, from source: RegSource<Destination>, at now: Int64) {
    remoteCSeq = request.cseq
    contact = request.contact
    self.source = source
    expiresAt = now &+ Int64(request.seconds) &* 1_000
  }

  /// Whether it is the subscription of the client that this contact belongs to.
  func isOwned(by binding: Binding) -> Bool {
    if !source.flow.isEmpty, source.flow == binding.flow { return true }
    if let device = binding.instance, contact.address.parameters.unquotedValue("+sip.instance") == device {
      return true
    }
    do throws(SIPParseError) {
      return try SIPURI(parsing: binding.contact[...]).isEquivalent(to: contact.uri)
    } catch {
      return false
    }
  }

  // MARK: - What to tell

  /// All of it is to be told, at once.
  func wantFull() {
    needsFull = true
    isUrgent = true
  }

  /// This has changed.
  func add(_ changes: [ContactChange], isUrgent: Bool = false) {
    guard end == nil, !changes.isEmpty else { return }
    for change in changes {
      pending.removeAll { $0.binding.contactID == change.binding.contactID }
      pending.append(change)
    }
    if isUrgent { self.isUrgent = true }
    if pending.count > Self.mostPending {
      pending = []
      needsFull = true
    }
  }

  /// It ends: one more NOTIFY says so.
  func finish(_ reason: RegEnd) {
    guard end == nil else { return }
    end = reason
    isUrgent = true
  }

  /// It ends without a word, because the subscriber does not hear us.
  func drop() {
    isOver = true
    stopNotify()
  }

  private var hasNews: Bool { needsFull || !pending.isEmpty || (end != nil && !isOver) }

  private func mayNotifyAt(_ configuration: RegConfiguration) -> Int64? {
    guard hasNews, !isNotifying else { return nil }
    guard !isUrgent, let lastNotifyAt else { return .min }
    return lastNotifyAt &+ configuration.interval
  }

  /// When it has to be looked at.
  /// - Parameter change: when the next contact of the user ends.
  func nextDeadline(_ configuration: RegConfiguration, change: Int64?) -> Int64? {
    guard !isOver else { return nil }
    let own = [retransmitAt, giveUpAt, mayNotifyAt(configuration), end == nil ? expiresAt : nil]
    return (own + [end == nil ? change : nil]).compactMap(\.self).min()
  }

  // MARK: - NOTIFY

  /// The NOTIFY that is due, if one is; its transaction begins.
  /// - Parameter known: the contacts that count.
  func notifyIfDue(_ known: [Binding], _ configuration: RegConfiguration, at now: Int64)
    -> (bytes: [UInt8], id: RegNotifyID)?
  {
    guard !isOver, let due = mayNotifyAt(configuration), due <= now else { return nil }
    notifyCSeq &+= 1
    var hash = KeyedHash(key: configuration.key)
    for number in [configuration.instance, serial, UInt64(notifyCSeq)] {
      hash.combine(field: KeyedHash.hex(number)[...])
    }
    let branch = Array("z9hG4bKqn-".utf8) + KeyedHash.hex(hash.finish())
    let bytes: [UInt8]
    do throws(SIPWriteError) {
      bytes = try write(known, branch, configuration, at: now)
    } catch {
      // A Contact or tag that cannot be written in a request: nobody can be told anything there.
      drop()
      return nil
    }
    version &+= 1
    pending = []
    needsFull = false
    isUrgent = false
    lastNotifyAt = now
    self.branch = branch
    let machine = NonInviteClientTransaction(
      request: bytes,
      transport: source.transport,
      timers: configuration.timers
    )
    let start = machine.start
    transaction = consume machine
    retransmitAt = start.retransmitAfter.map { now &+ $0 }
    giveUpAt = now &+ start.giveUpAfter
    return (bytes, RegNotifyID(subscription: serial, number: notifyCSeq))
  }

  private func write(
    _ known: [Binding],
    _ branch: [UInt8],
    _ configuration: RegConfiguration,
    at now: Int64
  ) throws(SIPWriteError) -> [UInt8] {
    var contacts = pending
    if needsFull {
      let told = Set(pending.map(\.binding.contactID))
      contacts += known.filter { !told.contains($0.contactID) }.map { ContactChange($0, .registered) }
    }
    let document = ReginfoDocument(
      version: version,
      scope: needsFull ? .full : .partial,
      addressOfRecord: addressOfRecord,
      isRegistered: !known.isEmpty,
      contacts: contacts
    )
    var writer = try SIPMessageWriter(method: "NOTIFY", uri: contact.address.uriBytes, capacity: 1_024)
    var via = source.via + Array(";branch=".utf8) + branch
    if source.transport == .unreliable { via += Array(";rport".utf8) }
    try writer.add(.via, via[...])
    for route in routes { try writer.add(.route, route[...]) }
    writer.add(.maxForwards, 70)
    try writer.add(.from, local[...])
    try writer.add(.to, remote[...])
    try writer.add(.callID, callID[...])
    try writer.add(.cseq, "\(notifyCSeq) NOTIFY")
    try writer.add(.contact, (Array("<".utf8) + source.contact + Array(">".utf8))[...])
    try writer.add(.event, (Array("reg".utf8) + (eventID.map { Array(";id=".utf8) + $0 } ?? []))[...])
    let left = max(0, (expiresAt &- now) / 1_000)
    try writer.add(
      .subscriptionState,
      end.map { "terminated;reason=\($0.rawValue)" } ?? "active;expires=\(left)"
    )
    writer.add(configuration.headers)
    // The last NOTIFY of a subscription that ends may have nothing to say.
    guard needsFull || !contacts.isEmpty else { return writer.finish() }
    try writer.add(.contentType, ReginfoDocument.mediaType)
    return writer.finish(body: document.write(at: now)[...])
  }

  /// The answers after which there is no use in going on (RFC 5057 section 5.1).
  private static func isFatal(_ status: Int) -> Bool {
    switch status {
    case 404, 405, 408, 410, 416, 480...485, 489, 501, 604: true
    default: false
    }
  }

  /// The subscriber has answered.
  func notifyAnswered(status: Int) {
    guard status >= 200, isNotifying else { return }
    stopNotify()
    if end != nil || Self.isFatal(status) {
      isOver = true
    } else if status >= 300 {
      // It did not take this one: let the next tell it all.
      needsFull = true
    }
  }

  /// The NOTIFY could not be sent.
  func notifyFailed(_ id: RegNotifyID) {
    if isNotifying, id.number == notifyCSeq { drop() }
  }

  /// Fires the timers of the NOTIFY.
  /// - Returns: what to send again.
  func timeAdvanced(to now: Int64) -> (bytes: [UInt8], id: RegNotifyID)? {
    if let giveUpAt, giveUpAt <= now {
      drop()
      return nil
    }
    guard let due = retransmitAt, due <= now else { return nil }
    guard case .retransmit(let bytes, let again) = transaction?.timerFired(.retransmit) else { return nil }
    retransmitAt = now &+ again
    return (bytes, RegNotifyID(subscription: serial, number: notifyCSeq))
  }

  private func stopNotify() {
    transaction = nil
    retransmitAt = nil
    giveUpAt = nil
  }
}
