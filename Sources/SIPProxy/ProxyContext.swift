import SIPMessage
import SIPTransaction

/// The response context of one request (RFC 3261 section 16.2): its server transaction, its branches, and what is known
/// of the answer. Every method takes an event and the time, and adds what is to be done to `actions`.
final class ProxyContext<Destination> {
  typealias Action = ProxyAction<Destination>

  let serial: UInt64
  let key: ServerKey
  /// Nil when nothing more can be done with it: then only the answer is kept, for repeats.
  private(set) var request: SIPMessage?
  let method: SIPMethod
  let source: ProxySource<Destination>
  let configuration: ProxyConfiguration
  let isInvite: Bool
  private let startedAt: Int64
  var server: ServerSide
  var branches: [ProxyBranch<Destination>] = []
  private var fork = ForkPlan<Destination>()
  private var plan: RoutePlan?
  private var choice = ResponseChoice()
  /// When the shell must have found the targets.
  var routingDeadline: Int64?
  /// Whether a final response was sent, or none will be.
  private(set) var isAnswered = false
  private(set) var isCancelled = false
  /// Whether a response is kept whole while it waits for a better one.
  var keepsMessages = true
  /// The bytes of the last response that was sent.
  private var answerBytes = 0
  /// The time of the entry in the table's queue.
  var queuedAt: Int64?
  /// What the table has counted of it.
  var isCountedAnswered = false
  var countedWeight = 0

  init(
    serial: UInt64,
    key: ServerKey,
    request: SIPMessage,
    source: ProxySource<Destination>,
    configuration: ProxyConfiguration,
    at now: Int64
  ) {
    self.serial = serial
    self.key = key
    self.request = request
    method = request.method
    self.source = source
    self.configuration = configuration
    isInvite = request.method == .invite
    startedAt = now
    server = ServerSide(isInvite: isInvite, transport: source.transport, timers: configuration.timers)
    routingDeadline = now &+ configuration.routingPatience
  }

  /// Whether it can be forgotten.
  var isOver: Bool { isAnswered && server.isTerminated && branches.allSatisfy(\.isOver) }

  /// About how many bytes of messages it keeps.
  var weight: Int {
    var bytes = (request?.bytes.count ?? 0) + answerBytes + choice.weight
    for branch in branches { bytes += branch.request.count }
    return bytes
  }

  /// When `timeAdvanced` has something to do.
  var nextDeadline: Int64? {
    var next = earliest(server.timers.next, routingDeadline)
    for branch in branches { next = earliest(next, branch.nextDeadline) }
    return next
  }

  // MARK: - From upstream

  /// The request is taken: an INVITE is answered 100, so that it is not sent again.
  func started(at now: Int64, _ actions: inout [Action]) {
    guard isInvite else { return }
    respond(ProxyReply(100), at: now, &actions)
  }

  /// The request came again: what was answered goes to where this copy came from, which may be another connection.
  func requestRepeated(from source: ProxySource<Destination>, _ actions: inout [Action]) {
    guard let bytes = server.requestRepeated() else { return }
    actions.append(.respond(bytes, to: source.destination))
  }

  /// The caller gave up (RFC 3261 section 16.10).
  func cancelled(at now: Int64, _ actions: inout [Action]) {
    guard isInvite, !isAnswered else { return }
    isCancelled = true
    fork = ForkPlan()
    cancelPending(at: now, &actions)
    if !branches.contains(where: \.isPending) { sendBest(at: now, &actions) }
  }

  /// The proxy stops.
  func end(at now: Int64, _ actions: inout [Action]) {
    guard !isAnswered else { return }
    fork = ForkPlan()
    cancelPending(at: now, &actions)
    var headers = SIPHeaderBlock()
    if isInvite { headers.add(.retryAfter, configuration.retryAfter) }
    respond(ProxyReply(isInvite ? 503 : 500, headers: headers), at: now, &actions)
  }

  // MARK: - From the shell

  /// The targets were found.
  func forward(
    _ plan: RoutePlan,
    to targets: [ProxyTarget<Destination>],
    at now: Int64,
    _ actions: inout [Action]
  ) {
    guard !isAnswered, self.plan == nil else { return }
    self.plan = plan
    routingDeadline = nil
    fork = ForkPlan(targets, most: configuration.mostTargets)
    advance(at: now, &actions)
  }

  /// The shell answers the request itself.
  func answer(_ reply: ProxyReply, at now: Int64, _ actions: inout [Action]) {
    guard !isAnswered, plan == nil else { return }
    respond(reply, at: now, &actions)
  }

  // MARK: - Branches

  /// Goes on when nobody is being tried: to the next group, or to the answer.
  private func advance(at now: Int64, _ actions: inout [Action]) {
    while !isAnswered, !branches.contains(where: \.isPending) {
      // Of what is not INVITE the caller has given up when its timer F has fired.
      let isLate = !isInvite && now &- startedAt >= configuration.timers.life
      guard !isCancelled, !isLate, !fork.groups.isEmpty else {
        return sendBest(at: now, &actions)
      }
      for slot in fork.groups.removeFirst() { start(slot, at: now, &actions) }
    }
  }

  private func start(_ slot: ForkPlan<Destination>.Slot, at now: Int64, _ actions: inout [Action]) {
    guard let target = slot.first, let plan, let request else { return }
    let index = branches.count
    let loop = request.loopHash(key: configuration.key)
    let id = ProxyBranchID.make(configuration, context: serial, branch: index, loop: loop)
    let bytes: [UInt8]
    do throws(SIPWriteError) {
      bytes = try target.request(
        for: request,
        plan,
        from: source,
        branch: id,
        realm: configuration.realm
      )
    } catch {
      return choice.add(.init(status: error == .tooManyHops ? 483 : 400, message: nil))
    }
    if target.transport == .unreliable, bytes.count > ProxyTarget<Destination>.largestDatagram,
      let stream = target.overStream.first
    {
      var datagram = target
      datagram.overStream = []
      return start([stream, datagram] + slot.dropFirst(), at: now, &actions)
    }
    let client = ClientSide(
      bytes,
      isInvite: isInvite,
      transport: target.transport,
      timers: configuration.timers,
      at: now
    )
    let branch = ProxyBranch(index: index, slot: slot, target: target, id: id, request: bytes, client: client)
    if isInvite { branch.timerC = now &+ configuration.timerC }
    branches.append(branch)
    actions.append(.send(bytes, to: target.destination, name(branch)))
  }

  func name(_ branch: ProxyBranch<Destination>, isCancel: Bool = false) -> ProxySend {
    ProxySend(context: serial, branch: branch.index, isCancel: isCancel)
  }

  /// Cancels what has no final response: now, or with its first provisional one.
  private func cancelPending(at now: Int64, _ actions: inout [Action]) {
    guard isInvite else { return }
    for branch in branches where branch.isPending { cancel(branch, at: now, &actions) }
  }

  func cancel(_ branch: ProxyBranch<Destination>, at now: Int64, _ actions: inout [Action]) {
    branch.wantsCancel = true
    guard branch.hasProvisional, branch.cancelDeadline == nil else { return }
    branch.timerC = nil
    branch.cancelDeadline = now &+ configuration.timers.life
    guard let bytes = branch.cancelRequest() else { return }
    branch.cancel = ClientSide(
      bytes,
      isInvite: false,
      transport: branch.target.transport,
      timers: configuration.timers,
      at: now
    )
    actions.append(.send(bytes, to: branch.target.destination, name(branch, isCancel: true)))
  }

  // MARK: - Responses

  /// A response to a branch, or to its CANCEL.
  func responseReceived(
    _ response: SIPMessage,
    isToCancel: Bool,
    branch: ProxyBranch<Destination>,
    at now: Int64,
    _ actions: inout [Action]
  ) {
    if isToCancel {
      _ = branch.cancel?.responseReceived(status: response.status, at: now) { [] }
      return
    }
    let receipt = branch.client.responseReceived(status: response.status, at: now) {
      branch.ack(for: response)
    }
    if let ack = receipt.ack, !ack.isEmpty { actions.append(.send(ack, to: branch.target.destination, nil)) }
    guard receipt.isPassed else { return }
    switch response.status {
    case ..<200: provisional(response, branch, at: now, &actions)
    case 200...299: succeeded(response, branch, at: now, &actions)
    default: ended(branch, .init(status: response.status, message: response), at: now, &actions)
    }
  }

  private func provisional(
    _ response: SIPMessage,
    _ branch: ProxyBranch<Destination>,
    at now: Int64,
    _ actions: inout [Action]
  ) {
    // A branch that was counted as ended may still ring.
    guard branch.isPending else { return }
    branch.hasProvisional = true
    if branch.wantsCancel { cancel(branch, at: now, &actions) }
    guard isInvite, response.status > 100 else { return }
    if branch.cancelDeadline == nil { branch.timerC = now &+ configuration.timerC }
    // RFC 4320 section 4.1 lets no provisional response but 100 go to other methods.
    guard !isAnswered, let bytes = upstream(response) else { return }
    send(bytes, status: response.status, at: now, &actions)
  }

  /// A 2xx: of an INVITE all go upstream, whatever was answered before, because each makes a dialog (RFC 3261 section
  /// 16.7 step 5); of other methods the first, if it is in time.
  private func succeeded(
    _ response: SIPMessage,
    _ branch: ProxyBranch<Destination>,
    at now: Int64,
    _ actions: inout [Action]
  ) {
    branch.final = branch.final ?? response.status
    fork = ForkPlan()
    guard let bytes = upstream(response), isInvite || !isAnswered else {
      return advance(at: now, &actions)
    }
    isAnswered = true
    send(bytes, status: response.status, at: now, &actions)
    cancelPending(at: now, &actions)
    slim()
  }

  private func send(_ bytes: [UInt8], status: Int, at now: Int64, _ actions: inout [Action]) {
    guard let bytes = server.respond(bytes, status: status, at: now) else { return }
    answerBytes = bytes.count
    actions.append(.respond(bytes, to: source.destination))
  }

  /// Drops what is not needed to answer repeats. Of an INVITE all is kept: its 2xx may come again.
  private func slim() {
    guard !isInvite, isAnswered, !branches.contains(where: \.isPending) else { return }
    request = nil
    plan = nil
    branches = []
    choice = ResponseChoice()
  }

  /// A branch has ended without success, with a response or with one that we assume.
  func ended(
    _ branch: ProxyBranch<Destination>,
    _ candidate: ResponseChoice.Candidate,
    at now: Int64,
    _ actions: inout [Action]
  ) {
    guard branch.isPending else { return }
    branch.final = candidate.status
    guard !isAnswered else { return slim() }
    var candidate = candidate
    let mustWait = !fork.groups.isEmpty || branches.contains(where: \.isPending)
    if mustWait, !keepsMessages { candidate.message = nil }
    choice.add(candidate)
    if choice.isGlobal {
      fork = ForkPlan()
      cancelPending(at: now, &actions)
    } else if [408, 430, 503].contains(candidate.status), !branch.alternates.isEmpty, !isCancelled,
      candidate.status != 503 || candidate.message == nil
    {
      // Another flow of the same device (RFC 5626 section 7); not after an answer of the device itself.
      start(branch.alternates, at: now, &actions)
    }
    advance(at: now, &actions)
  }

  /// A request could not be sent.
  func sendFailed(
    _ branch: ProxyBranch<Destination>,
    isCancel: Bool,
    _ failure: ProxySendFailure,
    at now: Int64,
    _ actions: inout [Action]
  ) {
    if isCancel {
      _ = branch.cancel?.abandon()
      return
    }
    guard branch.client.abandon() else { return }
    ended(branch, .init(status: failure.status, message: nil), at: now, &actions)
  }

  // MARK: - The answer

  private func sendBest(at now: Int64, _ actions: inout [Action]) {
    guard !isAnswered else { return }
    guard let best = choice.best else {
      return respond(ProxyReply(isCancelled ? 487 : 480), at: now, &actions)
    }
    switch best.status {
    case 408 where !isInvite:
      // The caller has timed out by itself; a 408 would only be a stray (RFC 4320 section 4.2).
      isAnswered = true
      server.abandon()
      slim()
    case 408 where best.message == nil && isCancelled: respond(ProxyReply(487), at: now, &actions)
    case 503:
      // It is the callee's trouble and not ours (RFC 3261 section 16.7 step 6).
      respond(ProxyReply(500), at: now, &actions)
    case 430:
      // 430 is for proxies (RFC 5626 section 11.5); to the caller the user is not there.
      respond(ProxyReply(480), at: now, &actions)
    default:
      guard let message = best.message, let bytes = upstream(message, adding: choice.furtherChallenges)
      else { return respond(ProxyReply(best.status), at: now, &actions) }
      isAnswered = true
      send(bytes, status: best.status, at: now, &actions)
      slim()
    }
  }

  func respond(_ reply: ProxyReply, at now: Int64, _ actions: inout [Action]) {
    if reply.status >= 200 {
      isAnswered = true
      routingDeadline = nil
    }
    defer { slim() }
    guard let request, let bytes = reply.write(for: request, configuration, source.address) else {
      if isAnswered { server.abandon() }
      return
    }
    send(bytes, status: reply.status, at: now, &actions)
  }

  /// A response without our Via; nil when there is no other, because then it was for us alone (RFC 3261 section 16.7
  /// step 3).
  private func upstream(_ response: SIPMessage, adding: SIPHeaderBlock = SIPHeaderBlock()) -> [UInt8]? {
    var vias = response.values(of: .via).makeIterator()
    guard vias.next() != nil, vias.next() != nil else { return nil }
    var change = SIPForwarding()
    change.removesTopVia = true
    change.added = adding
    if source.transport == .reliable { change.addContentLength(of: response) }
    do throws(SIPWriteError) {
      return try change.apply(to: response)
    } catch {
      return nil
    }
  }
}
