import Registrar
import SIPMessage
import SIPTransaction

/// What a request is matched to its response context by: its transaction, and whether it came by datagram or on a stream.
/// The same request by both is two: the answer to the one does not reach who waits for that to the other.
struct ServerKey: Hashable {
  var transaction: TransactionKey
  var transport: TransportKind
}

/// All response contexts of a transaction-stateful proxy (RFC 3261 section 16 with RFC 3581, 4320, 5626 and 6026).
///
/// It performs nothing and has no clock: every method takes the time (`now`, milliseconds of any clock that does not
/// jump) and gives actions, which the shell performs in their order. It belongs to one event loop. `Destination` is
/// whatever the shell sends with, such as a stream or an address; it is only handed back.
///
/// ## How a shell uses it
/// 1. A request that is no REGISTER and not for the server itself: `requestReceived`. Perform the actions; then by `next`:
///    - `done`: nothing more;
///    - `route(id)`: make a `RoutePlan`, find the targets (now or later), then call `forward(id, ...)`, or `answer(id, ...)`
///      for 403, 404, 480. One that is not ours and has no Route of ours must be answered 403, or the proxy is an open relay.
///      Targets: for a user of the domain one for each of `RegistrationRecord.liveBindings(at:)`, in that order, by
///      `ProxyTarget(binding, ...)`; along a dialog (`plan.ownUsers` has our token, or `plan.routes` is not empty) a single
///      one without `uri`, to `plan.nextHop`.
///    - `acknowledge`: an ACK for a 2xx: make a `RoutePlan`, find the one target, perform `acknowledge(...)`;
///    - `unmatchedCancel`: no such INVITE here: pass it on without state, or answer 481.
/// 2. A response: `responseReceived`. When it gives nil it is for none of our branches: it may be for a request that the
///    shell passed on without state; else drop it (RFC 6026 section 8.9 forbids passing on strays).
/// 3. When a `send` fails, now or later: `sendFailed` with the name from the action, and perform what that gives.
/// 4. One timer: after each call set it to `nextDeadline`; when it fires call `timeAdvanced`.
///
/// A REGISTER is not for here, nor is OPTIONS with Max-Forwards 0 to the server itself.
public final class ProxyTable<Destination> {
  /// What to do.
  public typealias Action = ProxyAction<Destination>

  private let configuration: ProxyConfiguration
  private let check: RequestCheck
  private var contexts: [UInt64: ProxyContext<Destination>] = [:]
  private var serials: [ServerKey: UInt64] = [:]
  /// How many contexts each source address has.
  private var sources: [String: Int] = [:]
  private var queue = DeadlineQueue()
  private var lastSerial: UInt64 = 0
  /// Those that are answered, the oldest first from `firstRemembered` on; some of them are forgotten already.
  private var remembered: [UInt64] = []
  private var firstRemembered = 0

  /// Makes an empty table.
  public init(_ configuration: ProxyConfiguration) {
    self.configuration = configuration
    check = RequestCheck(supportedOptions: configuration.supportedOptions, tagKey: configuration.key)
  }

  /// How many requests are under way or remembered.
  public var count: Int { contexts.count }

  /// How many requests have no final answer yet.
  public private(set) var unanswered = 0
  /// How many of them are INVITEs, which may take minutes.
  public private(set) var unansweredInvites = 0
  /// About how many bytes of messages are kept.
  public private(set) var bytes = 0
  /// How many answered requests were forgotten early, because there were too many.
  public private(set) var forgottenEarly = 0

  // MARK: - From upstream

  /// What a request still needs of the shell.
  public enum Next: Sendable, Hashable {
    /// Nothing.
    case done
    /// Its targets: call `forward` or `answer` within `routingPatience`.
    case route(ProxyContextID)
    /// An ACK for a 2xx: call `acknowledge` when its one target is known.
    case acknowledge
    /// A CANCEL of an INVITE that is not here (RFC 3261 section 16.10).
    case unmatchedCancel
  }

  /// A request came.
  /// - Parameter admit: asked of a request that is new and right in form, before anything is kept of it; false ends it
  ///   here, because the shell has answered it itself. An ACK or a CANCEL is not asked about.
  public func requestReceived(
    _ request: SIPMessage,
    from source: ProxySource<Destination>,
    at now: Int64,
    admit: () -> Bool = { true }
  ) -> (actions: [Action], next: Next) {
    let key: ServerKey
    do throws(SIPParseError) {
      let transaction =
        try request.method == .cancel
        ? TransactionKey(cancelledBy: request) : TransactionKey(serverOf: request)
      key = ServerKey(transaction: transaction, transport: source.transport)
    } catch {
      return (refuse(request, ProxyReply(error.status ?? 400, reason: error.reasonPhrase), source), .done)
    }
    let context = serials[key].flatMap { contexts[$0] }
    switch request.method {
    case .ack: return ([], acknowledged(request, context, at: now))
    case .cancel:
      guard let context, context.isInvite else { return ([], .unmatchedCancel) }
      return (cancelled(request, context, source, at: now), .done)
    default:
      if let context {
        var actions: [Action] = []
        context.requestRepeated(from: source, &actions)
        return (actions, .done)
      }
      return taken(request, key, from: source, at: now, admit)
    }
  }

  private func acknowledged(_ request: SIPMessage, _ context: ProxyContext<Destination>?, at now: Int64)
    -> Next
  {
    if let context {
      let isForCallee = context.server.ackReceived(at: now)
      settle(context)
      guard isForCallee else { return .done }
    }
    // Nothing is answered to an ACK: a wrong one is dropped.
    guard check.outcome(of: request, for: .forward, hasLooped: hasLooped(request)) == .passed else {
      return .done
    }
    return .acknowledge
  }

  private func cancelled(
    _ request: SIPMessage,
    _ context: ProxyContext<Destination>,
    _ source: ProxySource<Destination>,
    at now: Int64
  ) -> [Action] {
    // The CANCEL is a hop of its own: answered alike as often as it comes.
    var actions: [Action] = []
    if let ok = ProxyReply(200).write(for: request, configuration, source.address, tagged: context.request) {
      actions.append(.respond(ok, to: source.destination))
    }
    context.cancelled(at: now, &actions)
    settle(context)
    return actions
  }

  private func taken(
    _ request: SIPMessage,
    _ key: ServerKey,
    from source: ProxySource<Destination>,
    at now: Int64,
    _ admit: () -> Bool
  ) -> (actions: [Action], next: Next) {
    // What is refused here is refused without state (RFC 3261 section 8.2.7): each repeat gets the same answer again.
    switch check.outcome(of: request, for: .forward, hasLooped: hasLooped(request)) {
    case .passed: break
    case .refused(let reply):
      let answer = ProxyReply(reply.status, reason: reply.reason, headers: reply.headers)
      return (refuse(request, answer, source), .done)
    case .dropped: return ([], .done)
    }
    let address = source.address?.address
    let ofSource = address.flatMap { sources[$0] } ?? 0
    guard unanswered < configuration.mostContexts, ofSource < configuration.mostPerSource,
      makeRoom(for: request.bytes.count)
    else {
      var headers = SIPHeaderBlock()
      headers.add(.retryAfter, configuration.retryAfter)
      return (refuse(request, ProxyReply(503, headers: headers), source), .done)
    }
    guard admit() else { return ([], .done) }
    lastSerial &+= 1
    let context = ProxyContext(
      serial: lastSerial,
      key: key,
      request: request,
      source: source,
      configuration: configuration,
      at: now
    )
    contexts[lastSerial] = context
    serials[key] = lastSerial
    unanswered += 1
    if context.isInvite { unansweredInvites += 1 }
    if let address { sources[address] = ofSource + 1 }
    var actions: [Action] = []
    context.started(at: now, &actions)
    settle(context)
    return (actions, .route(ProxyContextID(serial: context.serial)))
  }

  private func hasLooped(_ request: SIPMessage) -> Bool {
    ProxyBranchID.hasLooped(request, loop: request.loopHash(key: configuration.key))
  }

  private func refuse(_ request: SIPMessage, _ reply: ProxyReply, _ source: ProxySource<Destination>)
    -> [Action]
  {
    guard request.method != .ack, let bytes = reply.write(for: request, configuration, source.address) else {
      return []
    }
    return [.respond(bytes, to: source.destination)]
  }

  // MARK: - From the shell

  /// Sends a request to its targets. No targets: 480. A context that is answered already (cancelled, say) stays so.
  public func forward(
    _ id: ProxyContextID,
    _ plan: RoutePlan,
    to targets: [ProxyTarget<Destination>],
    at now: Int64
  ) -> [Action] {
    change(id.serial) { context, actions in context.forward(plan, to: targets, at: now, &actions) }
  }

  /// Answers a request that is sent to nobody.
  /// - Parameters:
  ///   - status: 300...699.
  ///   - reason: nil takes the phrase of the RFC.
  ///   - headers: further header lines.
  public func answer(
    _ id: ProxyContextID,
    status: Int,
    reason: String? = nil,
    headers: SIPHeaderBlock = SIPHeaderBlock(),
    at now: Int64
  ) -> [Action] {
    change(id.serial) { context, actions in
      context.answer(ProxyReply(status, reason: reason, headers: headers), at: now, &actions)
    }
  }

  /// Passes an ACK for a 2xx on, without state.
  public func acknowledge(
    _ request: SIPMessage,
    _ plan: RoutePlan,
    to target: ProxyTarget<Destination>,
    from source: ProxySource<Destination>
  ) -> [Action] {
    let loop = request.loopHash(key: configuration.key)
    let branch = ProxyBranchID.stateless(configuration, request, loop: loop)
    do throws(SIPWriteError) {
      let bytes = try target.request(
        for: request,
        plan,
        from: source,
        branch: branch,
        realm: configuration.realm
      )
      return [.send(bytes, to: target.destination, nil)]
    } catch {
      return []
    }
  }

  /// A request could not be sent.
  public func sendFailed(_ send: ProxySend, _ failure: ProxySendFailure, at now: Int64) -> [Action] {
    change(send.context) { context, actions in
      guard context.branches.indices.contains(send.branch) else { return }
      let branch = context.branches[send.branch]
      context.sendFailed(branch, isCancel: send.isCancel, failure, at: now, &actions)
    }
  }

  // MARK: - From downstream

  /// A response came.
  /// - Returns: nil when it is for none of our branches.
  public func responseReceived(_ response: SIPMessage, at now: Int64) -> [Action]? {
    let id: [UInt8]
    let method: SIPMethod
    do throws(SIPParseError) {
      id = Array(try response.topVia.branch ?? [])
      method = try response.cseq.method
    } catch {
      return nil
    }
    guard let (serial, index) = ProxyBranchID.parse(id[...]), let context = contexts[serial],
      context.branches.indices.contains(index)
    else { return nil }
    let branch = context.branches[index]
    let isToCancel = method == .cancel
    guard branch.id == id, isToCancel || method == context.method else { return nil }
    return change(serial) { context, actions in
      context.keepsMessages = bytes < configuration.mostBytes
      context.responseReceived(response, isToCancel: isToCancel, branch: branch, at: now, &actions)
    }
  }

  /// Whether a branch is one of ours, of a request that is under way.
  public func hasSent(_ branch: ArraySlice<UInt8>) -> Bool {
    guard let (serial, index) = ProxyBranchID.parse(branch), let context = contexts[serial],
      context.branches.indices.contains(index)
    else { return false }
    return context.branches[index].id.elementsEqual(branch)
  }

  // MARK: - Time

  /// When `timeAdvanced` is to be called; nil when there is nothing to wait for. It may be too early, never too late.
  public var nextDeadline: Int64? { queue.first?.at }

  /// Does what is due.
  public func timeAdvanced(to now: Int64) -> [Action] {
    var actions: [Action] = []
    while let entry = queue.first, entry.at <= now {
      _ = queue.removeFirst()
      guard let context = contexts[entry.id], context.queuedAt == entry.at else { continue }
      context.queuedAt = nil
      context.timeAdvanced(to: now, &actions)
      settle(context)
    }
    return actions
  }

  /// Ends what has no final answer yet, because the proxy stops: callees that ring are cancelled, callers of theirs get 503,
  /// so that they try another server; other requests, which may have been taken already, get 500.
  public func endAll(at now: Int64) -> [Action] {
    contexts.keys.sorted().flatMap { change($0) { context, actions in context.end(at: now, &actions) } }
  }

  private func change(
    _ serial: UInt64,
    _ body: (ProxyContext<Destination>, inout [Action]) -> Void
  ) -> [Action] {
    guard let context = contexts[serial] else { return [] }
    var actions: [Action] = []
    body(context, &actions)
    settle(context)
    return actions
  }

  /// Forgets a context that is over, and sees that the queue has its next time and the counts are right.
  private func settle(_ context: ProxyContext<Destination>) {
    if context.isAnswered, !context.isCountedAnswered { answered(context) }
    guard !context.isOver else { return forget(context) }
    let weight = context.weight
    bytes += weight - context.countedWeight
    context.countedWeight = weight
    guard let next = context.nextDeadline else { return }
    if let queuedAt = context.queuedAt, queuedAt <= next { return }
    context.queuedAt = next
    queue.insert(.init(at: next, id: context.serial))
  }

  private func answered(_ context: ProxyContext<Destination>) {
    context.isCountedAnswered = true
    unanswered -= 1
    if context.isInvite { unansweredInvites -= 1 }
    if let address = context.source.address?.address, let count = sources[address] {
      sources[address] = count > 1 ? count - 1 : nil
    }
    guard !context.isOver else { return }
    remembered.append(context.serial)
    while contexts.count - unanswered > configuration.mostRemembered, forgetOldest() {}
    // What is forgotten in its time leaves its number behind.
    if remembered.count > 1_024, remembered.count > 2 * contexts.count {
      remembered = remembered[firstRemembered...].filter { contexts[$0] != nil }
      firstRemembered = 0
    }
  }

  private func makeRoom(for size: Int) -> Bool {
    while bytes + size > configuration.mostBytes {
      guard forgetOldest() else { return false }
    }
    return true
  }

  /// Forgets the oldest answered one before its time. A repeat of it is then taken for a new request.
  private func forgetOldest() -> Bool {
    while firstRemembered < remembered.count {
      let serial = remembered[firstRemembered]
      firstRemembered += 1
      guard let context = contexts[serial] else { continue }
      forgottenEarly += 1
      forget(context)
      return true
    }
    return false
  }

  private func forget(_ context: ProxyContext<Destination>) {
    guard contexts.removeValue(forKey: context.serial) != nil else { return }
    serials[context.key] = nil
    bytes -= context.countedWeight
  }
}
