import PoolModel

@testable import Replication

/// What happens in the simulated world.
extension PoolSimulation {
  mutating func happen(_ happening: Happening) {
    switch happening {
    case .deliver(let server, let run): if isRunning(server, run) { deliver(server) }
    case .renew(let server, let run): if isRunning(server, run) { renew(server) }
    case .tell(let server, let run, let event): if isRunning(server, run) { tell(server, event) }
    case .tick(let server, let run, let number):
      if isRunning(server, run), servers[server].tickNumber == number {
        if broken == .deadlineIgnored, servers[server].machine.deadline == now { return }
        tell(server, .tick)
      }
    case .arrive(let server, let run, let update, let answer): arrive(server, run, update, answer)
    case .load(let server, let run, let group, let number):
      if isRunning(server, run) { finishLoad(server, group, number) }
    case .client: client()
    case .write(let server, let run, let group, let user, let generation, let expecting):
      write(server, run, group, user, generation, expecting)
    case .fault: fault()
    case .start(let server): start(server)
    case .operate(let server): operate(server)
    case .expiry:
      store.expire(at: now)
      schedule(.expiry, in: .milliseconds(10))
    case .check:
      check()
      schedule(.check, in: .milliseconds(40))
    }
  }

  func isRunning(_ server: Int, _ run: Int) -> Bool { servers[server].isUp && servers[server].run == run }

  mutating func start(_ server: Int) {
    guard !servers[server].isUp else { return }
    let old = servers[server]
    servers[server] = SimulatedServer(name: old.name, timing: old.machine.timing)
    servers[server].run = old.run + 1
    servers[server].isUp = true
    servers[server].isPartitioned = old.isPartitioned
    servers[server].cursor = store.view.revision + 1
    tell(server, .viewRead(store.view))
    schedule(.deliver(server, run: servers[server].run), in: milliseconds(1, 20))
    schedule(.renew(server, run: servers[server].run), in: milliseconds(1, 50))
  }

  mutating func crash(_ server: Int) {
    servers[server].isUp = false
    servers[server].machine = ReplicationMachine(
      server: servers[server].name,
      timing: servers[server].machine.timing
    )
  }

  /// The watch tells some whole revisions; now and then it has fallen behind and everything is read afresh.
  mutating func deliver(_ server: Int) {
    let slow = random.chance(3)
    schedule(.deliver(server, run: servers[server].run), in: milliseconds(1, slow ? 400 : 20))
    guard !servers[server].isPartitioned else { return }
    let first = Int(servers[server].cursor) - 1
    guard first < store.history.count else { return }
    if now < faultsUntil, random.chance(1), random.chance(30) {
      servers[server].cursor = store.view.revision + 1
      tell(server, .viewRead(store.view))
      return
    }
    let count = random.chance(20) ? random.int(1...3) : store.history.count - first
    var changes: [FabricChange] = []
    for revision in store.history[first..<min(first + count, store.history.count)] {
      servers[server].apply(revision)
      changes += revision.changes
      servers[server].cursor = revision.revision + 1
    }
    tell(server, .viewChanged(changes, revision: servers[server].cursor - 1))
  }

  mutating func renew(_ server: Int) {
    let run = servers[server].run
    schedule(.renew(server, run: run), in: .milliseconds(500))
    guard !servers[server].isPartitioned else { return }
    store.expire(at: now)
    // The request was sent a little earlier than the store has it.
    let sentAt = Instant(nanoseconds: now.nanoseconds - Int64(random.int(0...20)) * 1_000_000)
    if let instance = servers[server].machine.instance {
      if store.leases[instance] != nil {
        store.leases[instance]?.endsAt = now + Self.ttl
        tell(server, .leaseRenewed(sentAt: sentAt))
        return
      }
      tell(server, .leaseLost)
    }
    let instance = store.grant(to: servers[server].name, until: now + Self.ttl)
    store.announce(live(server, instance: instance))
    tell(server, .leaseGranted(instance: instance, sentAt: sentAt, ttl: Self.ttl))
  }

  func live(_ server: Int, instance: UInt64, drained: Bool = false, offset: Duration = .zero) -> LiveRecord {
    LiveRecord(
      name: servers[server].name,
      instance: instance,
      version: "1.0",
      peerAddress: "",
      sipAddress: "",
      processID: 0,
      clockOffsetMilliseconds: offset.milliseconds,
      drained: drained
    )
  }

  /// An update reaches the store.
  mutating func arrive(_ server: Int, _ run: Int, _ planned: ReplicationMachine.PlannedUpdate, _ answer: Bool)
  {
    store.expire(at: now)
    let before = store.view
    let outcome = store.commit(planned.update)
    if case .applied = outcome { checkApplied(planned, before: before) }
    guard answer else { return }
    if broken == .neitherHoldNorWatch, planned.purpose == .take, case .applied = outcome,
      isRunning(server, run),
      case .group(let record, _) = planned.update.writes.first
    {
      lead(server, record.id, record.generation)
    }
    schedule(
      .tell(server, run: run, .updateFinished(id: planned.id, outcome)),
      in: milliseconds(0, 8)
    )
  }

  mutating func finishLoad(_ server: Int, _ group: RoutingGroupID, _ number: Int) {
    guard servers[server].loads[group] == number else { return }
    if servers[server].isPartitioned || random.chance(10) {
      servers[server].loads[group] = nil
      tell(server, .replicaLoadFailed(group))
      return
    }
    servers[server].loads[group] = nil
    if broken != .loadsNothing {
      // What the watch told while it loaded is newer than nothing, but never newer than the reading.
      servers[server].tables[group] = store.bindings[group] ?? [:]
    } else {
      servers[server].tables[group] = [:]
    }
    servers[server].loadedAt[group] = store.view.revision
    tell(server, .replicaLoaded(group))
  }
}
