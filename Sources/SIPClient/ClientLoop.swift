import NIOCore

/// Everything a client does, on its one event loop: users, requests on their way, and what came of them. The sockets are
/// `ClientSockets`; the decisions about one request are `RequestProgress`.
///
/// Not `Sendable`: only its event loop touches it.
final class ClientLoop {
  /// What waits for the end of one request.
  typealias Completion = (RequestOutcome, [RegisteredContact]) -> Void

  /// A request that has no final answer yet.
  final class Pending {
    let kind: RequestKind
    let user: Int
    var cseq: UInt32
    var progress: RequestProgress
    /// The number of the timer that counts; those set before it are of no use any more.
    var timer: UInt32 = 0
    let onEnd: Completion?

    init(kind: RequestKind, user: Int, cseq: UInt32, progress: RequestProgress, onEnd: Completion?) {
      self.kind = kind
      self.user = user
      self.cseq = cseq
      self.progress = progress
      self.onEnd = onEnd
    }
  }

  let configuration: ClientConfiguration
  let eventLoop: any EventLoop
  let sockets: ClientSockets
  let orders: ServerOrders
  let started: Int64
  var writer: RequestWriter
  var users: [PoolUser]
  var statistics = ClientStatistics()
  var workload: WorkloadPacer?
  private var pending: [UInt64: Pending] = [:]
  private var nextRequest: UInt64 = 1
  private var onIdle: [() -> Void] = []
  private var isClosed = false

  init(configuration: ClientConfiguration, eventLoop: any EventLoop, sockets: ClientSockets) {
    self.configuration = configuration
    self.eventLoop = eventLoop
    self.sockets = sockets
    let count = configuration.servers.count
    orders = ServerOrders(users: configuration.users, servers: count, seed: configuration.seed)
    writer = RequestWriter(
      domain: configuration.domain,
      prefix: configuration.prefix,
      host: configuration.localHost.contains(":") ? "[\(configuration.localHost)]" : configuration.localHost,
      token: String(configuration.seed, radix: 36),
      expires: configuration.expires
    )
    writer.names = configuration.names
    writer.header = configuration.header
    users = Array(repeating: PoolUser(), count: configuration.users)
    started = Self.now
  }

  /// The client's clock, in nanoseconds.
  static var now: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }

  // MARK: - A request's life

  /// Begins a request.
  /// - Parameters:
  ///   - server: the one server to ask; `nil` for the user's own order, from its present server on.
  ///   - given: another order, at least one server.
  func begin(
    _ kind: RequestKind,
    user: Int,
    at server: Int? = nil,
    order given: [UInt8]? = nil,
    onEnd: Completion? = nil
  ) {
    let order =
      given ?? server.map { [UInt8(clamping: $0)] } ?? orders.order(of: user, from: users[user].position)
    guard !isClosed else {
      onEnd?(.failure(.closed), [])
      return
    }
    let progress = RequestProgress(order: order, began: Self.now, timers: configuration.timers)
    let request = nextRequest
    nextRequest &+= 1
    users[user].cseq &+= 1
    setBusy(kind, user, true)
    let entry = Pending(kind: kind, user: user, cseq: users[user].cseq, progress: progress, onEnd: onEnd)
    pending[request] = entry
    withTally(of: kind) { $0.begun += 1 }
    send(request, entry)
    arm(request, entry, after: progress.firstWait)
  }

  /// An answer came from a server. Late answers of requests that are over are the price of moving, and no strays.
  func answered(_ response: ClientResponse) {
    guard let entry = pending[response.identity.request] else { return }
    let step = entry.progress.answered(
      response.status,
      transaction: response.identity.transaction,
      at: Self.now
    )
    perform(step, response.identity.request, entry, contacts: response.contacts)
  }

  /// A server's port is closed: what waits for it moves on at once.
  func unreachable(_ server: Int) {
    guard !isClosed else { return }
    for (request, entry) in pending where entry.progress.server == server {
      perform(entry.progress.wasUnreachable(at: Self.now), request, entry)
    }
  }

  private func timerFired(_ request: UInt64, _ timer: UInt32) {
    guard !isClosed, let entry = pending[request], entry.timer == timer else { return }
    perform(entry.progress.timerFired(at: Self.now), request, entry)
  }

  private func perform(
    _ step: RequestProgress.Step,
    _ request: UInt64,
    _ entry: Pending,
    contacts: [RegisteredContact] = []
  ) {
    switch step {
    case .ignore: break
    case .wait(let nanoseconds): arm(request, entry, after: nanoseconds)
    case .send(_, let fresh, let wait):
      if fresh {
        // A new transaction needs a new CSeq, or the registrar takes it for an old one (RFC 3261 section 10.3).
        users[entry.user].cseq &+= 1
        entry.cseq = users[entry.user].cseq
      }
      send(request, entry)
      arm(request, entry, after: wait)
    case .finish(let outcome): finish(request, entry, outcome, contacts)
    }
  }

  private func send(_ request: UInt64, _ entry: Pending) {
    let identity = TransactionID(request: request, transaction: entry.progress.transaction)
    let writer = writer
    sockets.send(to: entry.progress.server) { port in
      writer.text(entry.kind, user: entry.user, identity: identity, cseq: entry.cseq, localPort: port)
    }
  }

  private func arm(_ request: UInt64, _ entry: Pending, after wait: Int64) {
    entry.timer &+= 1
    let timer = entry.timer
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.scheduleTask(in: .nanoseconds(wait)) { bound.value.timerFired(request, timer) }
  }

  private func finish(
    _ request: UInt64,
    _ entry: Pending,
    _ outcome: RequestOutcome,
    _ contacts: [RegisteredContact]
  ) {
    pending[request] = nil
    let gap = Self.now &- entry.progress.began
    withTally(of: entry.kind) { $0.record(entry.progress, outcome, gap: gap) }
    note(entry, outcome, gap: gap)
    settle(entry, outcome, contacts)
    entry.onEnd?(outcome, contacts)
    if pending.isEmpty {
      let waiting = onIdle
      onIdle = []
      for resume in waiting { resume() }
    }
  }

  private func settle(_ entry: Pending, _ outcome: RequestOutcome, _ contacts: [RegisteredContact]) {
    let user = entry.user
    setBusy(entry.kind, user, false)
    guard case .success = outcome else {
      if entry.kind == .remove { users[user].acknowledgedUntil = 0 }
      return
    }
    users[user].longestGap = max(users[user].longestGap, Self.now &- entry.progress.began)
    if orders.serverCount > 1, entry.progress.tries > 1 {
      users[user].position = orders.position(of: entry.progress.server, for: user)
    }
    switch entry.kind {
    case .register:
      // What the registrar granted, which may be less than asked for (RFC 3261 section 10.3 step 8).
      let own = writer.contact(user)
      let granted = contacts.first { $0.uri == own }?.expires ?? configuration.expires
      // Counted from the first send: the registrar may have counted from any time since.
      users[user].acknowledgedUntil = entry.progress.began &+ Int64(granted) &* 1_000_000_000
    case .remove: users[user].acknowledgedUntil = 0
    case .query, .message: break
    }
  }

  private func setBusy(_ kind: RequestKind, _ user: Int, _ value: Bool) {
    switch kind {
    case .register, .remove, .query: users[user].isBusy = value
    case .message: users[user].isSending = value
    }
  }

  // MARK: - Ends

  /// Calls `resume` when no request is on its way.
  func whenIdle(_ resume: @escaping () -> Void) {
    if pending.isEmpty { resume() } else { onIdle.append(resume) }
  }

  /// Stops everything; requests on their way end as failed with `.closed`, uncounted.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    workload?.stop()
    workload = nil
    let left = pending.values
    pending = [:]
    for entry in left { entry.onEnd?(.failure(.closed), []) }
    let waiting = onIdle
    onIdle = []
    for resume in waiting { resume() }
    sockets.close()
  }

  // MARK: - Figures

  private func withTally(of kind: RequestKind, _ change: (inout RequestTally) -> Void) {
    switch kind {
    case .register, .remove: change(&statistics.registers)
    case .query: change(&statistics.queries)
    case .message: change(&statistics.messages)
    }
  }

  private func note(_ entry: Pending, _ outcome: RequestOutcome, gap: Int64) {
    var reason: FailureReason?
    if case .failure(let why) = outcome { reason = why }
    // Only what is out of the ordinary is worth a line.
    guard reason != nil || gap > 20_000_000 else { return }
    let progress = entry.progress
    statistics.note(
      NotableRequest(
        method: entry.kind.method,
        user: writer.name(entry.user),
        began: progress.began &- started,
        gap: gap,
        met: "\(progress.unavailable) x 503, \(progress.unreachable) x ICMP, \(progress.silences) x silence",
        failure: reason
      )
    )
  }

  /// The figures so far.
  /// - Parameter reset: whether counting begins again, for figures of one phase.
  func takeStatistics(reset: Bool) -> ClientStatistics {
    var taken = statistics
    taken.longestGapOfUsers = users.map(\.longestGap).filter { $0 > 0 }.sorted()
    if reset {
      statistics = ClientStatistics()
      for user in users.indices { users[user].longestGap = 0 }
    }
    return taken
  }
}
