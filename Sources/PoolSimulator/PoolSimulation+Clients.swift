import PoolModel
import Registrar
import Replication

/// Clients: devices that register, and the part of the servers that answers them. The registrar decides; a 200 is sent
/// only when what it decided is durable.
extension PoolSimulation {
  /// The generation at which a server serves a group now: as its shell asks it, deadline and all.
  func serves(_ server: Int, _ group: Int) -> UInt64? {
    guard servers[server].isUp, let generation = servers[server].leads[group] else { return nil }
    if weakness != .serverDeadline, let deadline = servers[server].machine.deadline, deadline <= instant {
      return nil
    }
    return generation
  }

  /// A device sends its next request, or repeats the one that was not answered.
  mutating func client() {
    schedule(.client, in: random.int(40, 400))
    let group = random.int(0, scenario.groups - 1)
    let user = random.int(0, Self.users - 1)
    let device = (group * Self.users + user) * Self.devices + random.int(0, Self.devices - 1)
    let from = random.int(0, servers.count - 1)
    for offset in servers.indices {
      let server = (from + offset) % servers.count
      guard let generation = serves(server, group), !servers[server].held[group],
        !servers[server].busy.contains(group * Self.users + user)
      else { continue }
      if isFaulty, devices[device].wishes.count > 1, random.chance(5) {
        // The network brings an old request once more; nobody waits for its answer.
        count(.lateRequest)
        let number = random.int(1, devices[device].wishes.count - 1)
        register(server, device, number, generation, isAwaited: false)
        return
      }
      if devices[device].isWaiting, random.chance(60) {
        count(.repeatedRequest)
      } else {
        devices[device].wishes.append(random.chance(75) ? .register : .remove)
      }
      devices[device].isWaiting = true
      register(server, device, devices[device].wishes.count, generation, isAwaited: true)
      return
    }
  }

  /// A server decides on a request.
  private mutating func register(
    _ server: Int,
    _ device: Int,
    _ cseq: Int,
    _ generation: UInt64,
    isAwaited: Bool
  ) {
    let (group, user) = Self.place(of: device)
    guard let table = servers[server].tables[group],
      let request = book.request(device, cseq, devices[device].wishes[cseq - 1])
    else { return }
    let decision = book.registrar.decide(
      request.message,
      record: table[user]?.record,
      source: book.sources[device],
      user: request.user,
      at: storeTime.milliseconds
    )
    switch decision {
    case .reply(let reply): answerDevice(reply.status, to: device, cseq, isAwaited)
    case .store(let record, _):
      let write = BindingWrite(
        server: server,
        run: servers[server].run,
        device: device,
        cseq: cseq,
        isAwaited: isAwaited,
        record: record,
        generation: generation,
        expecting: table[user]?.revision ?? 0
      )
      servers[server].busy.insert(group * Self.users + user)
      servers[server].inFlight[group] += 1
      send(write)
    }
  }

  /// Group and user of a device.
  static func place(of device: Int) -> (group: Int, user: Int) {
    let user = device / devices
    return (user / users, user % users)
  }

  /// The device gets its answer, if it is still the one it waits for.
  private mutating func answerDevice(_ status: Int, to device: Int, _ cseq: Int, _ isAwaited: Bool) {
    guard isAwaited else { return }
    if isFaulty, random.chance(3) {
      count(.lostReply)
      return
    }
    if cseq == devices[device].wishes.count { devices[device].isWaiting = false }
    guard status == 200 else { return }
    // Durable and told so: from here on it must never be lost, whatever becomes of the server.
    devices[device].acknowledged = max(devices[device].acknowledged, cseq)
    let (group, user) = Self.place(of: device)
    checkBinding(group, user)
  }

  private mutating func send(_ write: BindingWrite) {
    let isDoubtful = isFaulty && random.chance(12)
    guard isDoubtful || isCut(write.server) else {
      schedule(.writeArrives(write, answers: true), in: random.int(1, 8))
      return
    }
    count(.doubtfulWrite)
    if !isCut(write.server), random.chance(70) {
      let delay = random.int(1, random.chance(60) ? 1_500 : 20)
      schedule(.writeArrives(write, answers: false), in: delay)
    }
    schedule(.readBack(write), in: random.int(30, 400))
  }

  mutating func writeArrives(_ write: BindingWrite, _ answers: Bool) {
    let (group, user) = Self.place(of: write.device)
    let revision = store.write(write, group, user, weakness: weakness)
    if revision != nil {
      if store.fences[group] != write.generation {
        violate(
          "a binding of rg-\(group) was written at generation \(write.generation), over \(store.fences[group])"
        )
      }
      // Watches tell it with the next change of a record: till then nobody but the writer needs it.
      checkBinding(group, user)
    }
    guard answers else { return }
    var answered = write
    answered.expecting = revision ?? 0
    schedule(.writeAnswered(answered, applied: revision != nil), in: random.int(0, 5))
  }

  mutating func writeAnswered(_ write: BindingWrite, _ applied: Bool) {
    guard isRunning(write.server, write.run) else { return }
    let (group, user) = Self.place(of: write.device)
    if applied {
      answerDevice(200, to: write.device, write.cseq, write.isAwaited)
      learn(StoredBinding(record: write.record, revision: write.expecting), write.server, group, user)
    } else if let found = store.bindings[group][user], store.fences[group] == write.generation {
      // Refused because the record is another: read it, so that the next try is decided on it.
      learn(found, write.server, group, user)
    }
    finish(write, group, user)
  }

  private mutating func learn(_ binding: StoredBinding, _ server: Int, _ group: Int, _ user: Int) {
    if servers[server].tables[group]?[user]?.revision ?? 0 < binding.revision {
      servers[server].tables[group]?[user] = binding
    }
  }

  /// The outcome of a write is unknown: the server reads the store before it goes on.
  mutating func readBack(_ write: BindingWrite) {
    guard isRunning(write.server, write.run) else { return }
    guard !isCut(write.server) else {
      schedule(.readBack(write), in: 100)
      return
    }
    let (group, user) = Self.place(of: write.device)
    if let found = store.bindings[group][user] {
      // Unchanged at the revision expected, the same record was there before.
      if found.revision != write.expecting, found.record == write.record {
        answerDevice(200, to: write.device, write.cseq, write.isAwaited)
      }
      learn(found, write.server, group, user)
    }
    finish(write, group, user)
  }

  private mutating func finish(_ write: BindingWrite, _ group: Int, _ user: Int) {
    servers[write.server].inFlight[group] -= 1
    servers[write.server].busy.remove(group * Self.users + user)
    resolve(write.server, RoutingGroupID(group))
  }

  mutating func resolve(_ server: Int, _ group: RoutingGroupID) {
    guard servers[server].held[group.index], servers[server].inFlight[group.index] == 0 else { return }
    schedule(.tell(server, run: servers[server].run, .writesResolved(group)), in: 1)
  }
}
