import PoolModel
import Replication

/// Servers: processes, leases, watches, replicas.
extension PoolSimulation {
  func isRunning(_ server: Int, _ run: Int) -> Bool { servers[server].isUp && servers[server].run == run }

  /// Starts the process after a while, if it can start.
  mutating func boot(_ server: Int, in delay: Int) {
    servers[server].isWanted = true
    servers[server].bootNumber += 1
    schedule(.boot(server, number: servers[server].bootNumber), in: delay)
  }

  mutating func booted(_ server: Int, _ number: Int) {
    guard servers[server].bootNumber == number, servers[server].isWanted, !servers[server].isUp,
      !servers[server].isBroken, servers[server].installed != "broken"
    else { return }
    servers[server].begin()
    note("\(servers[server].name) starts as \(servers[server].installed)")
    servers[server].cursor = store.history.count
    tell(server, .viewRead(store.view))
    schedule(.renew(server, run: servers[server].run), in: random.int(1, 20))
  }

  /// Ends the process. Its lease stays until it runs out, unless it ended in good order.
  mutating func end(_ server: Int, inOrder: Bool) {
    guard servers[server].isUp else { return }
    let instance = servers[server].machine.instance
    servers[server].isUp = false
    if inOrder, let instance { endLease(instance) }
  }

  mutating func endLease(_ generation: UInt64) {
    if let server = store.leases.first(where: { $0.generation == generation })?.server {
      servers[server].lostAt = now
    }
    store.end(generation)
    storeChanged()
  }

  mutating func expire(_ generation: UInt64) {
    guard let lease = store.leases.first(where: { $0.generation == generation }) else { return }
    if lease.endsAt > now {
      queue.add(.expiry(generation), at: lease.endsAt)
      return
    }
    note("lease \(generation) runs out")
    endLease(generation)
  }

  mutating func renew(_ server: Int) {
    let run = servers[server].run
    schedule(.renew(server, run: run), in: Self.leaseTime / 4)
    guard !isCut(server) else { return }
    // The request was sent a little earlier than the store has it.
    let sentAt = Instant(nanoseconds: Int64(now - random.int(0, 20)) * 1_000_000)
    if let instance = servers[server].machine.instance {
      if store.renew(instance, until: now + Self.leaseTime) {
        tell(server, .leaseRenewed(sentAt: sentAt))
        return
      }
      tell(server, .leaseLost)
    }
    // Another instance: its replicas have to be built again.
    servers[server].lostAt = now
    let instance = store.grant(to: server, until: now + Self.leaseTime)
    queue.add(.expiry(instance), at: now + Self.leaseTime)
    announce(server, instance, drained: false, offset: .zero)
    tell(server, .leaseGranted(instance: instance, sentAt: sentAt, ttl: .milliseconds(Self.leaseTime)))
  }

  mutating func announce(_ server: Int, _ instance: UInt64, drained: Bool, offset: Duration) {
    store.announce(
      LiveRecord(
        name: servers[server].name,
        instance: instance,
        version: servers[server].running,
        peerAddress: "",
        sipAddress: "",
        processID: 0,
        bindings: servers[server].leads.indices.reduce(0) { sum, group in
          sum + (servers[server].leads[group] == nil ? 0 : store.bindings[group].count { $0 != nil })
        },
        clockOffsetMilliseconds: offset.milliseconds,
        drained: drained
      )
    )
    storeChanged()
  }

  /// Watches tell what is new, each a little later.
  mutating func storeChanged() {
    for server in servers.indices where servers[server].isUp && !servers[server].isTold {
      tellLater(server)
    }
  }

  mutating func tellLater(_ server: Int) {
    servers[server].isTold = true
    let isSlow = isFaulty && random.chance(4)
    schedule(.deliver(server, run: servers[server].run), in: random.int(1, isSlow ? 400 : 20))
  }

  mutating func deliver(_ server: Int) {
    servers[server].isTold = false
    if isCut(server) {
      servers[server].isTold = true
      schedule(.deliver(server, run: servers[server].run), in: 50)
      return
    }
    let first = servers[server].cursor
    guard first < store.history.count else { return }
    if isFaulty, random.one(in: 200) {
      // The watch has fallen behind: everything is read afresh.
      count(.lostWatch)
      servers[server].cursor = store.history.count
      tell(server, .viewRead(store.view))
      return
    }
    let all = store.history.count - first
    let count = all > 1 && random.chance(15) ? random.int(1, all) : all
    var changes = store.history[first].changes
    for position in first..<first + count {
      servers[server].apply(store.history[position])
      if position > first { changes += store.history[position].changes }
    }
    servers[server].cursor = first + count
    if count < all { tellLater(server) }
    defer {
      for group in servers[server].leads.indices where servers[server].leads[group] != nil {
        checkLeader(server, group)
      }
    }
    guard !changes.isEmpty else { return }
    tell(server, .viewChanged(changes, revision: store.history[first + count - 1].revision))
  }

  mutating func tick(_ server: Int, _ run: Int, _ number: Int) {
    guard isRunning(server, run), servers[server].tickNumber == number else { return }
    servers[server].tickDue = nil
    if let wanted = servers[server].tickWanted, wanted > now {
      servers[server].tickDue = wanted
      queue.add(.tick(server, run: run, number: number), at: wanted)
      return
    }
    servers[server].tickWanted = nil
    tell(server, .tick)
  }

  /// Gives an event to a server's machine and performs what it says.
  mutating func tell(_ server: Int, _ event: ReplicationMachine.Event) {
    guard servers[server].isUp else { return }
    for directive in servers[server].machine.handle(event, at: instant) { perform(directive, on: server) }
  }

  private mutating func perform(_ directive: ReplicationMachine.Directive, on server: Int) {
    let run = servers[server].run
    switch directive {
    case .commit(let updates): for update in updates { send(update, from: server) }
    case .loadReplica(let group):
      servers[server].loads[group.index] += 1
      let number = servers[server].loads[group.index]
      schedule(.loaded(server, run: run, group, number: number), in: random.int(1, 40))
    case .dropReplica(let group):
      servers[server].loads[group.index] += 1
      servers[server].tables[group.index] = nil
    case .lead(let group, let generation): lead(server, group, generation)
    case .stopLeading(let group): stopLeading(server, group)
    case .hold(let group):
      servers[server].held[group.index] = true
      resolve(server, group)
    case .release(let group): servers[server].held[group.index] = false
    case .service(let service):
      guard !service.isInService else { return }
      schedule(.tell(server, run: run, .drained), in: random.int(5, 150))
    case .announce(let drained, let offset):
      guard let instance = servers[server].machine.instance, !isCut(server) else { return }
      announce(server, instance, drained: drained, offset: offset)
    case .nextTick(let at):
      let time = max(now, Int((at.nanoseconds &+ 999_999) / 1_000_000))
      servers[server].tickWanted = time
      // A later wish is looked at when the earlier tick comes.
      if let due = servers[server].tickDue, due >= now, due <= time { return }
      servers[server].tickNumber += 1
      servers[server].tickDue = time
      queue.add(.tick(server, run: run, number: servers[server].tickNumber), at: time)
    case .routeChanged, .stopFinished: break
    }
  }

  private mutating func lead(_ server: Int, _ group: RoutingGroupID, _ generation: UInt64) {
    servers[server].leads[group.index] = generation
    doubt(group.index)
    note("\(servers[server].name) leads \(group) at \(generation)")
    checkLeader(server, group.index)
  }

  private mutating func stopLeading(_ server: Int, _ group: RoutingGroupID) {
    // Without its deadline a server goes on until its watch tells it otherwise.
    if weakness == .serverDeadline, let deadline = servers[server].machine.deadline, deadline <= instant {
      return
    }
    servers[server].leads[group.index] = nil
  }

  mutating func finishLoad(_ server: Int, _ group: RoutingGroupID, _ number: Int) {
    guard servers[server].loads[group.index] == number else { return }
    if isCut(server) || servers[server].lags || (isFaulty && random.chance(5)) {
      servers[server].loads[group.index] += 1
      tell(server, .replicaLoadFailed(group))
      return
    }
    servers[server].tables[group.index] = store.bindings[group.index]
    servers[server].loadedAt[group.index] = store.view.revision
    tell(server, .replicaLoaded(group))
  }

  /// On its way an update may be lost, or late, or its answer lost.
  private mutating func send(_ planned: ReplicationMachine.PlannedUpdate, from server: Int) {
    let run = servers[server].run
    let isDoubtful = isFaulty && random.chance(5)
    if isDoubtful { count(.lostUpdate) }
    guard isDoubtful || isCut(server) else {
      schedule(.updateArrives(server, run: run, planned, answers: true), in: random.int(1, 6))
      return
    }
    if !isCut(server), random.chance(60) {
      let delay = random.int(1, random.chance(50) ? 2_000 : 20)
      schedule(.updateArrives(server, run: run, planned, answers: false), in: delay)
    }
    let event = ReplicationMachine.Event.updateFinished(id: planned.id, .unknown)
    schedule(.tell(server, run: run, event), in: random.int(5, 250))
  }

  mutating func updateArrives(
    _ server: Int,
    _ run: Int,
    _ planned: ReplicationMachine.PlannedUpdate,
    _ answers: Bool
  ) {
    let before = store.view.groups[planned.group]?.record
    let revision = store.commit(planned.update, weakness: weakness)
    if revision != nil {
      checkGroup(planned.group, before: before, planned.purpose.rawValue)
      storeChanged()
    }
    guard answers else { return }
    let outcome: ReplicationMachine.UpdateOutcome =
      revision.map { .applied(revision: $0) } ?? .refused(revision: store.view.revision)
    schedule(.tell(server, run: run, .updateFinished(id: planned.id, outcome)), in: random.int(0, 5))
  }
}
