import PoolModel
import Replication

/// Clients: registrations that are acknowledged only when they are durable.
extension PoolSimulation {
  /// The generation at which a server serves a group now: as its shell asks it, deadline and all.
  func serves(_ server: Int, _ group: Int) -> UInt64? {
    guard servers[server].isUp, let generation = servers[server].leads[group] else { return nil }
    if weakness != .serverDeadline, let deadline = servers[server].machine.deadline, deadline <= instant {
      return nil
    }
    return generation
  }

  mutating func client() {
    schedule(.client, in: random.int(40, 400))
    let group = random.int(0, scenario.groups - 1)
    let user = random.int(0, Self.users - 1)
    let from = random.int(0, servers.count - 1)
    for offset in servers.indices {
      let server = (from + offset) % servers.count
      guard let generation = serves(server, group), !servers[server].held[group],
        !servers[server].busy.contains(group * Self.users + user)
      else { continue }
      send(server, group, user, generation)
      return
    }
  }

  private mutating func send(_ server: Int, _ group: Int, _ user: Int, _ generation: UInt64) {
    guard let table = servers[server].tables[group] else { return }
    servers[server].busy.insert(group * Self.users + user)
    servers[server].inFlight[group] += 1
    lastValue += 1
    let write = BindingWrite(
      server: server,
      run: servers[server].run,
      group: RoutingGroupID(group),
      user: user,
      value: lastValue,
      record: (table[user]?.values ?? []) + [lastValue],
      generation: generation,
      expecting: table[user]?.revision ?? 0
    )
    let isDoubtful = isFaulty && random.chance(12)
    guard isDoubtful || servers[server].isPartitioned else {
      schedule(.writeArrives(write, answers: true), in: random.int(1, 8))
      return
    }
    if !servers[server].isPartitioned, random.chance(70) {
      let delay = random.int(1, random.chance(60) ? 1_500 : 20)
      schedule(.writeArrives(write, answers: false), in: delay)
    }
    schedule(.readBack(write), in: random.int(30, 400))
  }

  mutating func writeArrives(_ write: BindingWrite, _ answers: Bool) {
    let revision = store.write(write, weakness: weakness)
    if revision != nil {
      if store.fences[write.group.index] != write.generation {
        violate(
          "a binding of \(write.group) was written at generation \(write.generation), over"
            + " \(store.fences[write.group.index])"
        )
      }
      // Watches tell it with the next change of a record: till then nobody but the writer needs it.
      checkBinding(write.group.index, write.user)
    }
    guard answers else { return }
    var answered = write
    answered.expecting = revision ?? 0
    schedule(.writeAnswered(answered, applied: revision != nil), in: random.int(0, 5))
  }

  mutating func writeAnswered(_ write: BindingWrite, _ applied: Bool) {
    // Durable and told so: from here on it must never be lost, whatever becomes of the server.
    guard isRunning(write.server, write.run) else { return }
    let (group, user) = (write.group.index, write.user)
    if applied {
      acknowledged[group][user].append(write.value)
      checkBinding(group, user)
      if servers[write.server].tables[group]?[user]?.revision ?? 0 < write.expecting {
        servers[write.server].tables[group]?[user] = StoredBinding(
          values: write.record,
          revision: write.expecting
        )
      }
    } else if let found = store.bindings[group][user], store.fences[group] == write.generation,
      servers[write.server].tables[group]?[user]?.revision ?? 0 < found.revision
    {
      // Refused because the record is another: read it, so that the client's next try is decided on it.
      servers[write.server].tables[group]?[user] = found
    }
    finish(write)
  }

  /// The outcome of a write is unknown: the server reads the store before it goes on.
  mutating func readBack(_ write: BindingWrite) {
    guard isRunning(write.server, write.run) else { return }
    guard !servers[write.server].isPartitioned else {
      schedule(.readBack(write), in: 100)
      return
    }
    let (group, user) = (write.group.index, write.user)
    let found = store.bindings[group][user]
    if found?.values.contains(write.value) == true, store.fences[group] == write.generation {
      acknowledged[group][user].append(write.value)
    }
    if let found, servers[write.server].tables[group]?[user]?.revision ?? 0 < found.revision {
      servers[write.server].tables[group]?[user] = found
    }
    finish(write)
  }

  private mutating func finish(_ write: BindingWrite) {
    servers[write.server].inFlight[write.group.index] -= 1
    servers[write.server].busy.remove(write.group.index * Self.users + write.user)
    resolve(write.server, write.group)
  }

  mutating func resolve(_ server: Int, _ group: RoutingGroupID) {
    guard servers[server].held[group.index], servers[server].inFlight[group.index] == 0 else { return }
    schedule(.tell(server, run: servers[server].run, .writesResolved(group)), in: 1)
  }
}
