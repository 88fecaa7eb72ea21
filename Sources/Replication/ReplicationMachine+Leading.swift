import PoolModel

/// Leading a group, and the swap as the one who gives it away.
extension ReplicationMachine {
  /// A group is led here only by the word of our own view, while the lease allows it and the replica is loaded; one that
  /// is loaded afresh, at the first try or a later one, only goes on being led.
  mutating func updateLeading(_ id: RoutingGroupID, _ group: Versioned<GroupRecord>) {
    guard let phase = local[id]?.replica else { return }
    let generation = group.record.generation
    let isLed = local[id]?.leading == generation
    guard let lease, group.record.primaryInstance == lease.instance, group.record.primary == server, isActing,
      phase == .loaded || isLed && phase != .absent && phase != .loading
    else {
      endLeading(id)
      return
    }
    if isLed { return }
    endLeading(id)
    local[id]?.leading = generation
    leading.insert(id)
    directives.append(.lead(id, generation: generation))
    guard let offerOn = local[id]?.offerOn, group.revision <= offerOn else { return }
    // Led before at this generation, and an offer of then may still land: nothing is served until it cannot.
    local[id]?.swap = .retracting
    beginHold(id)
  }

  mutating func endLeading(_ id: RoutingGroupID) {
    guard local[id]?.leading != nil else { return }
    local[id]?.leading = nil
    leading.remove(id)
    directives.append(.stopLeading(id))
    endSwap(id)
    local[id]?.swapNotBefore = nil
    local[id]?.reluctant = nil
  }

  /// Goes through the swap of a led group; see `SwapPhase`.
  mutating func updateSwap(_ id: RoutingGroupID, _ seen: Versioned<GroupRecord>) {
    guard local[id]?.leading != nil else { return }
    if let offerOn = local[id]?.offerOn, seen.revision > offerOn { local[id]?.offerOn = nil }
    guard let group = local[id] else { return }
    let record = seen.record
    if record.swap != nil {
      if case .offered = group.swap { return }
      beginHold(id)
      local[id]?.swap = .offered(since: now)
      alarms.add(id, at: now + timing.swapPatience)
      return
    }
    if case .offered = group.swap { postponeSwap(id) }
    let wanted = swapTarget(record)
    switch local[id]?.swap ?? .idle {
    case .idle:
      guard let target = wanted, pending[id] == nil else { return }
      if let notBefore = group.swapNotBefore ?? local[id]?.swapNotBefore, notBefore > now { return }
      guard swapping.count < timing.swapsAtOnce else {
        if swapBacklogged.insert(id) { swapBacklog.append(id) }
        return
      }
      local[id]?.swap = .resolving(target: target, since: now)
      local[id]?.promisedTo = target
      promised.primaries[target, default: 0] += 1
      beginHold(id)
      alarms.add(id, at: now + timing.swapPatience)
    case .resolving(let target, let since), .ready(let target, let since):
      guard since + timing.swapPatience <= now || wanted != target else { return }
      if group.offerOn == nil { postponeSwap(id) } else { local[id]?.swap = .retracting }
    case .retracting:
      if group.offerOn == nil { postponeSwap(id) }
    case .offered: break
    }
  }

  /// Whom the group should go to: anyone able while we go out, the preferred one otherwise.
  private func swapTarget(_ record: GroupRecord) -> ServerName? {
    if let target = local[record.id]?.swap.target, isGoodTarget(target, record), mustLeave { return target }
    if mustLeave {
      var choice = record
      choice.replicas.removeAll { $0.server == server || $0.server == local[record.id]?.reluctant }
      return Placement.promotionTarget(for: choice, in: view, load: load)
        ?? Placement.promotionTarget(for: record, in: view, load: load, except: server)
    }
    guard let preferred = record.preferredPrimary, preferred != server, isGoodTarget(preferred, record)
    else { return nil }
    return preferred
  }

  private func isGoodTarget(_ target: ServerName, _ record: GroupRecord) -> Bool {
    view.takesPrimaries(target)
      && record.replicas.contains { $0.server == target && $0.server != server && view.isUp($0) }
  }

  /// Whether it makes sense to wait for somebody to take the group.
  func canGiveAway(_ id: RoutingGroupID) -> Bool {
    guard let group = local[id], let record = view.groups[id]?.record else { return false }
    return group.swap != .idle || swapTarget(record) != nil
  }

  /// Whether this server has to give its groups away.
  private var mustLeave: Bool { isStopping || !(service?.isInService ?? true) }

  private mutating func beginHold(_ id: RoutingGroupID) {
    swapping.insert(id)
    guard local[id]?.isHeld == false else { return }
    local[id]?.isHeld = true
    directives.append(.hold(id))
  }

  /// Ends the swap and the hold.
  private mutating func endSwap(_ id: RoutingGroupID) {
    local[id]?.swap = .idle
    if local[id]?.isHeld == true {
      local[id]?.isHeld = false
      directives.append(.release(id))
    }
    if let target = local[id]?.promisedTo {
      promised.primaries[target, default: 0] -= 1
      local[id]?.promisedTo = nil
    }
    swapping.remove(id)
  }

  private mutating func postponeSwap(_ id: RoutingGroupID) {
    let notBefore = now + timing.swapPatience
    endSwap(id)
    local[id]?.swapNotBefore = notBefore
    alarms.add(id, at: notBefore)
  }

  mutating func takeResolved(_ id: RoutingGroupID) {
    guard case .resolving(let target, let since) = local[id]?.swap else { return }
    local[id]?.swap = .ready(target: target, since: since)
    dirty.insert(id)
  }

  /// The offer, when no write is in flight; its withdrawal, when nobody took it in time.
  mutating func swapUpdate(_ group: Versioned<GroupRecord>) -> (Purpose, FabricUpdate)? {
    guard local[group.record.id]?.leading == group.record.generation, local[group.record.id]?.swap != .idle
    else { return nil }
    var record = group.record
    switch local[record.id]?.swap {
    case .ready(let target, _):
      guard let live = view.live[target], let peer = view.servers[target] else { return nil }
      local[record.id]?.offerOn = group.revision
      record.swap = SwapOffer(target: target, targetInstance: live.record.instance)
      return (
        .offer,
        FabricUpdate(
          when: [
            .groupIs(record.id, revision: group.revision), .generationIs(record.id, record.generation),
            .serverIs(target, revision: peer.revision),
          ],
          write: [.group(record, fencing: false)]
        )
      )
    case .offered(let since):
      guard let offer = record.swap, !(stillWanted(offer, since: since)) else { return nil }
      local[record.id]?.reluctant = offer.target
      record.swap = nil
      return (
        .withdraw,
        FabricUpdate(
          when: [.groupIs(record.id, revision: group.revision)],
          write: [.group(record, fencing: false)]
        )
      )
    case .retracting:
      return (
        .withdraw,
        FabricUpdate(
          when: [.groupIs(record.id, revision: group.revision)],
          write: [.group(record, fencing: false)]
        )
      )
    case .idle, .resolving, nil: return nil
    }
  }

  private func stillWanted(_ offer: SwapOffer, since: Instant) -> Bool {
    now < since + timing.swapPatience && view.takesPrimaries(offer.target)
      && view.live[offer.target]?.record.instance == offer.targetInstance
  }

  /// Takes what is offered to this server, if it may lead and has caught up.
  func takeUpdate(_ group: Versioned<GroupRecord>) -> (Purpose, FabricUpdate)? {
    guard let offer = group.record.swap, offer.target == server, let lease,
      offer.targetInstance == lease.instance, !isStopping, isClockRight, isLoaded(group.record.id),
      let own = view.servers[server], own.record.service.isInService,
      group.record.replicas.contains(where: { $0.server == server && $0.builtBy == lease.instance })
    else { return nil }
    var record = group.record
    let generation = record.generation
    record.generation = generation &+ 1
    record.primary = server
    record.primaryInstance = lease.instance
    record.swap = nil
    if record.preferredPrimary == server { record.preferredPrimary = nil }
    return (
      .take,
      FabricUpdate(
        when: [
          .groupIs(record.id, revision: group.revision), .generationIs(record.id, generation),
          .serverIs(server, revision: own.revision),
        ],
        write: [.group(record, fencing: true), .epoch]
      )
    )
  }

  mutating func updateRoute(_ id: RoutingGroupID, _ group: Versioned<GroupRecord>?) {
    let route = currentRoute(id, group)
    guard routes[id] ?? .unavailable != route else { return }
    routes[id] = route == .unavailable ? nil : route
    directives.append(.routeChanged(id))
  }

  private func currentRoute(_ id: RoutingGroupID, _ group: Versioned<GroupRecord>?) -> Route {
    if let generation = local[id]?.leading {
      return local[id]?.isHeld == true ? .held : .here(generation: generation)
    }
    guard let group, let primary = group.record.primary, primary != server, view.hasLiveLeader(group.record)
    else { return .unavailable }
    return .elsewhere(primary)
  }
}
