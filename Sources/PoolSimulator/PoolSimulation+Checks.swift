import PatchRun
import PoolModel
import Registrar
import Replication

/// What the checks remember.
struct Watchman {
  /// Groups whose leaders changed since the last check, a bit each.
  var doubtful: UInt64 = 0
  /// The plan's batches: who may be out together.
  var batches: [[ServerName]] = []
  /// Acts that have a record, by number.
  var recorded: Set<Int> = []
  /// Servers that the journal has as quarantined.
  var quarantined: Set<ServerName> = []
  var outcomes: [ServerName: ServerOutcome] = [:]
  /// The highest generation that the pool let in.
  var admittedGeneration: UInt64 = 0
  var journalGeneration: UInt64 = 0
  var stage: RunStage = .planned
  /// A server's lease was ended before its time.
  var leaseWasRevoked = false
  /// Coordinators' leases that were ended before their time: no clock of theirs can tell.
  var revoked: Set<UInt64> = []
}

/// Safety: what must hold at every event.
extension PoolSimulation {
  /// At most one server can write a group; called after every happening.
  mutating func check() {
    while watch.doubtful != 0 {
      let group = watch.doubtful.trailingZeroBitCount
      watch.doubtful &= watch.doubtful - 1
      var writer: Int?
      var server: Int?
      for index in servers.indices {
        guard let generation = serves(index, group) else { continue }
        if generation == store.fences[group] {
          if let writer {
            violate("rg-\(group) can be written by \(servers[writer].name) and \(servers[index].name)")
          }
          writer = index
        }
        // A lease that ends before its time leaves its server serving for a while, which no write survives.
        guard !servers[index].held[group], !watch.leaseWasRevoked else { continue }
        if let server {
          violate("rg-\(group) is served by \(servers[server].name) and \(servers[index].name)")
        }
        server = index
      }
    }
  }

  /// Who serves a group is to be looked at, once this happening is over.
  mutating func doubt(_ group: Int) { watch.doubtful |= 1 << UInt64(group) }

  /// A change of a group has been applied.
  mutating func checkGroup(
    _ id: RoutingGroupID,
    before: GroupRecord?,
    _ purpose: String
  ) {
    doubt(id.index)
    guard let before, let after = store.view.groups[id]?.record else { return }
    if after.generation < before.generation { violate("\(id) went back in generation by \(purpose)") }
    if after.primary != before.primary || after.primaryInstance != before.primaryInstance {
      note("\(id) moves to \(after.primary?.rawValue ?? "nobody") at \(after.generation) by \(purpose)")
      if after.generation <= before.generation { violate("\(id) has a new primary at the same generation") }
    }
    if Set(after.replicas.map(\.server)).count != after.replicas.count {
      violate("\(id) has two replicas on one server")
    }
  }

  /// A leader's replica holds everything committed up to where its watch has come, acknowledged or not.
  mutating func checkLeader(_ server: Int, _ group: Int) {
    guard let generation = servers[server].leads[group], generation == store.fences[group] else { return }
    guard let table = servers[server].tables[group] else {
      guard isLoaded(server, group) else { return }
      violate("\(servers[server].name) leads rg-\(group) at \(generation) without a replica")
      return
    }
    let cursor = servers[server].cursor
    let told = max(
      cursor > 0 ? store.history[cursor - 1].revision : 0,
      servers[server].machine.view.revision
    )
    for user in 0..<Self.users {
      guard let stored = store.bindings[group][user], stored.revision <= told else { continue }
      guard table[user]?.revision ?? 0 < stored.revision, isLoaded(server, group) else { continue }
      violate(
        "\(servers[server].name) leads rg-\(group) at \(generation) and lacks user \(user)'s record of revision"
          + " \(stored.revision), \(told) was told"
      )
    }
  }

  /// Whether a server says that it has all of a group. Asked last: it takes a copy of the machine.
  private func isLoaded(_ server: Int, _ group: Int) -> Bool {
    servers[server].machine.isLoaded(RoutingGroupID(group))
  }

  /// What every device of a user was told with a 200 is in the store, or what it asked for later.
  mutating func checkBinding(_ group: Int, _ user: Int) {
    let first = (group * Self.users + user) * Self.devices
    let record = store.bindings[group][user]?.record
    for device in first..<first + Self.devices where devices[device].acknowledged > 0 {
      let told = devices[device].acknowledged
      guard let binding = record?.bindings.first(where: { $0.callID == book.callIDs[device] }) else {
        if devices[device].mayBeAbsent { continue }
        violate("request \(told) of device \(device) in rg-\(group) was acknowledged and its binding is lost")
        return
      }
      let cseq = Int(binding.cseq)
      guard cseq >= told, devices[device].wishes[cseq - 1] == .register else {
        violate("device \(device) in rg-\(group) was told that request \(told) holds, and \(cseq) is stored")
        return
      }
    }
  }

  /// Records become durable.
  mutating func journal(_ request: AppendRequest) {
    if request.generation < watch.journalGeneration {
      violate("generation \(request.generation) wrote into the journal after \(watch.journalGeneration)")
    }
    watch.journalGeneration = max(watch.journalGeneration, request.generation)
    store.view.revision += 1
    for record in request.records {
      store.journal.append(record)
      store.journalists.append(request.generation)
      switch record {
      case .planned(_, let plan, _): watch.batches = plan.batches
      case .entered(_, _, let sequence, _), .retried(_, let sequence, _, _): watch.recorded.insert(sequence)
      case .stage(let stage):
        watch.stage = stage
        switch stage {
        case .command(_, let sequence), .recovering(let sequence), .evening(let sequence):
          watch.recorded.insert(sequence)
        default: break
        }
      case .server(let name, let outcome):
        watch.outcomes[name] = outcome
        if case .quarantined = outcome {
          watch.quarantined.insert(name)
        } else {
          watch.quarantined.remove(name)
        }
      default: break
      }
    }
  }

  /// A coordinator begins an act: it is recorded, and its lease is live.
  mutating func checkAct(_ number: Int, _ directive: Directive) {
    if let sequence = directive.sequence, !watch.recorded.contains(sequence) {
      violate("act \(sequence) was begun without a record: \(directive)")
    }
    if !store.isLive(coordinators[number].lease), !watch.revoked.contains(coordinators[number].lease) {
      violate("coordinator \(number) acts and its lease has run out: \(directive)")
    }
  }

  /// An act takes effect on a server's machine: nobody newer has acted there. (Whom the pool let in meanwhile a machine
  /// cannot know.)
  mutating func checkEffect(_ what: @autoclosure () -> String, on server: Int, _ generation: UInt64) {
    if generation < servers[server].actedGeneration {
      violate(
        "\(what()) by generation \(generation), after \(servers[server].actedGeneration) had acted there"
      )
    }
    servers[server].actedGeneration = max(servers[server].actedGeneration, generation)
  }

  /// A change of the fabric by an act has been committed: nobody newer has been let in.
  mutating func checkCommit(_ sequence: Int, _ generation: UInt64) {
    if generation < watch.admittedGeneration {
      violate(
        "a commit of act \(sequence) by generation \(generation), after \(watch.admittedGeneration) was let in"
      )
    }
  }

  /// A server has just been marked by the run. The epoch covers everything but leases.
  mutating func checkMark(_ server: ServerName) {
    note("\(server) is marked")
    var marked: [ServerName] = []
    for record in store.view.servers.values.map({ $0.record }).sorted(by: { $0.name < $1.name }) {
      guard let mark = record.service.mark, record.name != server else { continue }
      if !isOurs(mark) {
        violate("\(server) was taken out while \(record.name) is out by somebody else")
      } else if !watch.quarantined.contains(record.name) {
        marked.append(record.name)
      }
    }
    let batch = watch.batches.first { $0.contains(server) } ?? []
    if let other = marked.first(where: { !batch.contains($0) }) {
      violate("\(server) was taken out while \(other) is out, which the plan does not allow")
    }
    checkFloor(server, countsLeases: false)
  }

  /// A server is about to be stopped.
  mutating func checkStop(_ server: Int, by number: Int) {
    // A stop ordered again finds nothing to stop.
    guard servers[server].isUp else { return }
    if let lane = coordinators[number].state?.lane(servers[server].name), !lane.isReturning,
      !coordinators[number].gated.contains(servers[server].name)
    {
      violate("\(servers[server].name) is stopped by coordinator \(number) on a gate of its predecessor")
    }
    let name = servers[server].name
    guard case .out(let mark)? = store.view.servers[name]?.record.service, isOurs(mark) else {
      violate("\(name) is stopped and is not out by this run")
      return
    }
    // What was lost a moment ago no gate could know.
    checkFloor(name, countsLeases: true)
  }

  private func isRecentlyLost(_ name: ServerName) -> Bool {
    guard let server = index(of: name) else { return false }
    return servers[server].lostAt.map { $0 + 12_000 > now } ?? false
  }

  private func counts(_ replica: ReplicaRecord, leases: Bool) -> Bool {
    if leases, isRecentlyLost(replica.server) { return true }
    return store.view.isInService(replica.server) && (!leases || store.view.isUp(replica))
  }

  private mutating func checkFloor(_ server: ServerName, countsLeases: Bool) {
    for group in store.view.groups.values.map({ $0.record }).sorted(by: { $0.id < $1.id })
    where group.replicas.contains(where: { $0.server == server }) {
      let target = min(3, servers.count)
      let needed = target == 2 ? 1 : target / 2 + 1
      let keeps = group.replicas.count { $0.server != server && counts($0, leases: countsLeases) }
      if keeps < needed { violate("\(group.id) is left with \(keeps) of \(needed) by taking \(server) out") }
    }
  }

  /// A command is about to run on a server.
  mutating func checkCommand(_ kind: CommandKind, _ server: Int) {
    guard kind == .apply || kind == .rollback else { return }
    let name = servers[server].name
    if servers[server].isUp { violate("\(kind.rawValue) on \(name), which runs") }
    if store.view.isInService(name) { violate("\(kind.rawValue) on \(name), which is in service") }
  }

  /// Checks what the run decided on its last reading.
  mutating func checkDecisions(_ number: Int, _ step: Step) {
    guard let truth = coordinators[number].truth else { return }
    // A server that did not settle in time is called back and the run halts: that is no yes of the gate.
    let isHalting = coordinators[number].state?.halting != nil
    for record in step.records {
      switch record {
      case .entered(let server, .failOver, _, _):
        if let fault = truth.fault(takingOut: server, isFirst: true) {
          violate("the gate let \(server) go out: \(fault)")
        }
      case .entered(let server, .stop, _, _)
      where coordinators[number].state?.lane(server)?.isReturning == false:
        coordinators[number].gated.insert(server)
        if let fault = truth.fault(takingOut: server, isFirst: false) {
          violate("the last gate let \(server) be stopped: \(fault)")
        }
      default: break
      }
    }
    for case .entered(let server, .afterServer, _, _) in step.records { checkBack(server, truth) }
    guard !isHalting else { return }
    for case .server(let server, .done) in step.records { checkBack(server, truth) }
  }

  private mutating func checkBack(_ server: ServerName, _ truth: GateTruth) {
    if let fault = truth.fault(callingBack: server) { violate("\(server) was called back: \(fault)") }
  }
}
