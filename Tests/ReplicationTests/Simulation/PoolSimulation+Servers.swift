import PoolModel

@testable import Replication

/// What servers, clients and operators do.
extension PoolSimulation {
  mutating func perform(_ directive: ReplicationMachine.Directive, on server: Int) {
    let run = servers[server].run
    switch directive {
    case .commit(let updates):
      for update in updates { send(update, from: server) }
    case .loadReplica(let group):
      let number = random.int(1...1_000_000)
      servers[server].loads[group] = number
      schedule(.load(server, run: run, group, number: number), in: milliseconds(1, 60))
    case .dropReplica(let group):
      servers[server].loads[group] = nil
      servers[server].tables[group] = nil
    case .lead(let group, let generation): lead(server, group, generation)
    case .stopLeading(let group): servers[server].leads[group] = nil
    case .hold(let group):
      servers[server].held.insert(group)
      resolve(server, group)
    case .release(let group): servers[server].held.remove(group)
    case .routeChanged: break
    case .service(let service):
      servers[server].service = service
      if !service.isInService { schedule(.tell(server, run: run, .drained), in: milliseconds(10, 500)) }
    case .announce(let drained, let offset):
      guard let instance = servers[server].machine.instance, !servers[server].isPartitioned else { return }
      store.announce(live(server, instance: instance, drained: drained, offset: offset))
    case .stopFinished: break
    case .nextTick(let at):
      servers[server].tickNumber += 1
      queue.add(.tick(server, run: run, number: servers[server].tickNumber), at: max(at, now))
    }
  }

  /// On its way an update may be lost, late, or its answer lost.
  private mutating func send(_ planned: ReplicationMachine.PlannedUpdate, from server: Int) {
    counts[planned.purpose.rawValue, default: 0] += 1
    var planned = planned
    if broken == .generationStays, planned.purpose == .promote {
      planned.update.writes = planned.update.writes.map { write in
        guard case .group(var record, let fencing) = write else { return write }
        record.generation -= 1
        return .group(record, fencing: fencing)
      }
    }
    let run = servers[server].run
    let isFaulty = now < faultsUntil && random.chance(6)
    let isLost = servers[server].isPartitioned || (isFaulty && random.chance(40))
    if isFaulty || isLost {
      if !isLost {
        schedule(
          .arrive(server, run: run, planned, answer: false),
          in: milliseconds(1, random.chance(50) ? 3_000 : 20)
        )
      }
      schedule(
        .tell(server, run: run, .updateFinished(id: planned.id, .unknown)),
        in: milliseconds(5, 300)
      )
    } else {
      schedule(.arrive(server, run: run, planned, answer: true), in: milliseconds(1, 8))
    }
  }

  mutating func lead(_ server: Int, _ group: RoutingGroupID, _ generation: UInt64) {
    servers[server].leads[group] = generation
    guard store.fences[group] == generation else { return }
    let table = servers[server].tables[group] ?? [:]
    if table != store.bindings[group] ?? [:] {
      violate("\(servers[server].name) leads \(group) at \(generation) and is behind")
    }
  }

  func resolved(_ server: Int, _ group: RoutingGroupID) -> Bool {
    broken == .neitherHoldNorWatch || servers[server].inFlight[group] ?? 0 == 0
  }

  private mutating func resolve(_ server: Int, _ group: RoutingGroupID) {
    guard servers[server].held.contains(group), resolved(server, group) else { return }
    schedule(.tell(server, run: servers[server].run, .writesResolved(group)), in: .milliseconds(1))
  }

  /// A client writes somewhere; the server that leads the group, if one does, sends it to the store.
  mutating func client() {
    schedule(.client, in: milliseconds(2, 20))
    let server = random.int(0...servers.count - 1)
    let group = RoutingGroupID(random.int(0...max(0, store.view.groups.count - 1)))
    let user = random.int(0...Self.users - 1)
    guard let generation = serves(server, group), !servers[server].held.contains(group),
      servers[server].busyUsers[group]?.contains(user) != true
    else { return }
    servers[server].busyUsers[group, default: []].insert(user)
    servers[server].inFlight[group, default: 0] += 1
    let expecting = servers[server].tables[group]?[user]?.revision ?? 0
    schedule(
      .write(
        server,
        run: servers[server].run,
        group,
        user: user,
        generation: generation,
        expecting: expecting
      ),
      in: milliseconds(1, random.chance(4) ? 1_500 : 10)
    )
  }

  /// The generation at which a server serves a group now: as the shell asks it, deadline and all.
  func serves(_ server: Int, _ group: RoutingGroupID) -> UInt64? {
    guard servers[server].isUp, let generation = servers[server].leads[group] else { return nil }
    if broken != .deadlineIgnored, let deadline = servers[server].machine.deadline, deadline <= now {
      return nil
    }
    return generation
  }

  mutating func write(
    _ server: Int,
    _ run: Int,
    _ group: RoutingGroupID,
    _ user: Int,
    _ generation: UInt64,
    _ expecting: UInt64
  ) {
    let value = nextValue
    nextValue += 1
    let revision = store.write(
      value,
      user: user,
      group: group,
      generation: generation,
      expecting: expecting
    )
    if revision != nil {
      acknowledged[group, default: [:]][user] = value
      if store.fences[group] != generation {
        violate("a write of \(group) at generation \(generation) applied over \(store.fences[group] ?? 0)")
      }
    }
    guard isRunning(server, run) else { return }
    servers[server].inFlight[group, default: 1] -= 1
    servers[server].busyUsers[group]?.remove(user)
    if let revision { servers[server].tables[group]?[user] = ModelBinding(value: value, revision: revision) }
    resolve(server, group)
  }

  mutating func fault() {
    guard now < faultsUntil else { return }
    schedule(.fault, in: milliseconds(200, 4_000))
    let server = random.int(0...servers.count - 1)
    switch random.int(0...10) {
    case 0, 1, 2:
      guard servers[server].isUp else { return }
      crash(server)
      schedule(.start(server), in: milliseconds(100, random.chance(20) ? 15_000 : 4_000))
    case 3, 4: servers[server].isPartitioned = true
    case 5, 6: for index in servers.indices { servers[index].isPartitioned = false }
    case 7: tell(server, .clockMeasured(offset: .milliseconds(random.int(-3_000...3_000))))
    case 8: recover()
    default: operate(server)
    }
  }

  /// An operator declares what is missing lost.
  private mutating func recover() {
    let recovery = QuorumLossRecovery(store.view)
    for update in recovery.updates {
      counts["recover", default: 0] += 1
      _ = store.commit(update)
    }
    for group in recovery.groups { lossSince[group.id] = nil }
  }

  /// A planned fail-over, and back: leaving, out when drained, in service again.
  mutating func operate(_ server: Int) {
    guard let record = store.view.servers[servers[server].name]?.record else { return }
    let mark = OutMark(by: "sim", reason: "patch", since: PoolTime(milliseconds: 0))
    switch record.service {
    case .inService:
      guard out == nil, now < faultsUntil else { return }
      out = server
      setService(record.name, .leaving(mark))
      schedule(.operate(server), in: milliseconds(500, 3_000))
    case .leaving:
      guard out == server else { return }
      let leads = store.view.groups.values.contains { $0.record.primary == record.name }
      if leads && random.chance(70) {
        schedule(.operate(server), in: milliseconds(100, 1_000))
        return
      }
      setService(record.name, leads ? .inService : .out(mark))
      if leads { out = nil } else { schedule(.operate(server), in: milliseconds(500, 5_000)) }
    case .out:
      guard out == server else { return }
      setService(record.name, .inService)
      out = nil
    }
  }

  mutating func setService(_ name: ServerName, _ service: ServiceState) {
    guard var record = store.view.servers[name]?.record else { return }
    record.service = service
    _ = store.commit(FabricUpdate(when: [], write: [.server(record), .epoch]))
  }
}
