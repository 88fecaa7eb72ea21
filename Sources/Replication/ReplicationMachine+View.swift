import PoolModel

extension ReplicationMachine {
  /// The fabric was read as a whole. What was missed in between is unknown, so every replica loads afresh. A group that is
  /// still led at the same generation is led on meanwhile: nobody else can have written it, and what its replica may lack
  /// is a late write of our own that was answered as failed, which nobody has seen and which the next write of that
  /// record would collide with.
  mutating func takeView(_ new: FabricView) {
    let first = !hasView
    hasView = true
    view = new
    index = GroupIndex(new)
    unrestAt = now
    balanced = false
    for (id, group) in local {
      let record = new.groups[id]?.record
      let isStillOurs =
        group.leading != nil && record?.generation == group.leading && record?.primary == server
        && record?.primaryInstance == lease?.instance
      switch group.replica {
      case .loaded, .loading, .refreshing: refresh(id, whileLeading: isStillOurs)
      case .absent, .failed: break
      }
    }
    for id in pending.keys { pendingSeen(id, revision: new.revision) }
    takeServers(known: Set(new.servers.keys), first: first)
    markAll()
    markLocal()
    dirty.formUnion(routes)
    takeControllership()
    takeService()
  }

  mutating func takeChanges(_ changes: [FabricChange], revision: UInt64) {
    for change in changes { takeChange(change) }
    view.revision = max(view.revision, revision)
    guard serversChanged else { return }
    takeControllership()
    takeService()
  }

  private mutating func takeChange(_ change: FabricChange) {
    switch change {
    case .pool: placementDue = true
    case .epoch: unrest()
    case .group(let id, let group):
      index.replace(view.groups[id]?.record, by: group?.record)
      if group == nil { placementDue = true }
      unrest()
      view.apply(change)
      pendingSeen(id, revision: group?.revision ?? .max)
      dirty.insert(id)
      return
    case .live(let name, let live):
      serversChanged = true
      if Self.matters(view.live[name]?.record, live?.record) { markServer(name) }
    case .server(let name, let server):
      serversChanged = true
      if (view.servers[name] == nil) != (server == nil) { markAll() }
      markServer(name)
    }
    view.apply(change)
    switch change {
    case .live(let name, _), .server(let name, _): noteGone(name)
    default: break
    }
  }

  /// Whether the change of a live record can change a decision; most only bring counts up to date.
  private static func matters(_ old: LiveRecord?, _ new: LiveRecord?) -> Bool {
    guard let old, let new else { return old != new }
    return old.instance != new.instance || old.drained != new.drained
      || old.clockOffsetMilliseconds != new.clockOffsetMilliseconds || old.peerAddress != new.peerAddress
  }

  private mutating func markServer(_ name: ServerName) {
    unrest()
    dirty.formUnion(index.groups(on: name))
    dirty.formUnion(wanting)
  }

  private mutating func unrest() {
    unrestAt = now
    balanced = false
  }

  private mutating func takeServers(known: Set<ServerName>, first: Bool) {
    for name in goneSince.keys where !known.contains(name) { goneSince[name] = nil }
    for name in known { noteGone(name) }
  }

  /// Keeps since when a server is seen gone.
  private mutating func noteGone(_ name: ServerName) {
    if view.servers[name] == nil || view.live[name] != nil {
      goneSince[name] = nil
      longGone.remove(name)
    } else if goneSince[name] == nil {
      goneSince[name] = now
    }
  }

  private mutating func takeControllership() {
    serversChanged = false
    let controller = view.controller
    if controller != controllerName, controller == server { markAll() }
    controllerName = controller
  }

  private mutating func takeService() {
    // The same record says the same.
    guard let record = view.servers[server], record.revision != toldServiceAt else { return }
    toldServiceAt = record.revision
    let service = record.record.service
    guard service != toldService else { return }
    if service.isInService { isDrained = false }
    toldService = service
    directives.append(.service(service))
    markLocal()
  }

  /// Gone servers whose wait is over, groups whose alarm rings.
  mutating func takeTimers() {
    while let group = alarms.popDue(at: now) {
      if let wait = pending[group] { expire(wait, of: group) }
      dirty.insert(group)
    }
    if isActingController {
      for (name, since) in goneSince where since + timing.replicaRestartWait <= now {
        if longGone.insert(name).inserted { dirty.formUnion(index.groups(on: name)) }
      }
      balanceIfQuiet()
    }
  }

  /// Acting begins and ends with the lease and its deadline.
  mutating func takeActing() {
    guard isActing != wasActing else { return }
    wasActing = isActing
    markLocal()
    if controllerName == server { markAll() }
  }

  mutating func takeClock(_ offset: Duration) {
    let wasRight = isClockRight
    clockOffset = offset
    if wasRight != isClockRight { markLocal() }
  }

  /// Whether this server's clock is near enough to pool time to lead and to purge.
  public var isClockRight: Bool {
    clockOffset <= FabricView.clockTolerance && clockOffset >= .zero - FabricView.clockTolerance
  }

  mutating func takeStop() {
    isStopping = true
    markLocal()
  }

  /// Brings the live record up to date when others must know; small changes of the clock are not told.
  mutating func announceIfNeeded() {
    if isStopping, !toldStopFinished, !leading.contains(where: canGiveAway) {
      toldStopFinished = true
      directives.append(.stopFinished)
    }
    guard isActing else { return }
    let isOutside = !(service?.isInService ?? true)
    let wanted = Announcement(
      drained: isStopping || (isOutside && isDrained && leading.isEmpty),
      clockOffset: clockOffset
    )
    let old = announced ?? Announcement(drained: false, clockOffset: .zero)
    let drift = wanted.clockOffset - old.clockOffset
    if wanted.drained != old.drained || drift >= .milliseconds(250) || drift <= .milliseconds(-250) {
      announced = wanted
      directives.append(.announce(drained: wanted.drained, clockOffset: wanted.clockOffset))
    }
  }

  /// The earliest time at which something is due without an event.
  mutating func askForTick() {
    var next = alarms.first
    func consider(_ instant: Instant) { next = next.map { min($0, instant) } ?? instant }
    if !dirty.isEmpty { consider(now) }
    if let lease, isActing { consider(lease.deadline) }
    if isActingController {
      for (name, since) in goneSince where !longGone.contains(name) {
        consider(since + timing.replicaRestartWait)
      }
      if !balanced, let wait = timing.balanceWait { consider(unrestAt + wait) }
    }
    guard let next, next != toldTick else { return }
    toldTick = next
    directives.append(.nextTick(next))
  }
}
