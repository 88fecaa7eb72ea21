import PatchRun
import PoolModel
import Replication

/// The verbs that move a server out of service and back.
extension PoolSimulation {
  private static let undoTime = 3_000

  mutating func failOver(_ number: Int, _ sequence: Int, _ server: ServerName, _ epoch: UInt64) {
    guard let verb = coordinators[number].verbs[sequence], let record = store.view.servers[server] else {
      return
    }
    if verb.stage == .following, now >= verb.deadline {
      coordinators[number].verbs[sequence]?.stage = .undoing
      coordinators[number].verbs[sequence]?.undoUntil = now + Self.undoTime
    }
    if coordinators[number].verbs[sequence]?.stage == .undoing {
      takeBack(number, sequence, record)
      return
    }
    switch record.record.service {
    case .inService:
      guard store.view.epoch == epoch || weakness == .epoch else {
        fail(number, sequence, .epochChanged, "epoch \(epoch) is now \(store.view.epoch)")
        return
      }
      let identity = ActIdentity(run: Self.run, sequence: sequence, generation: coordinators[number].lease)
      let mark = OutMark(by: "ann@ops", reason: "patch", since: storeTime, act: identity)
      commit(number, sequence, serviceUpdate(.leaving(mark), record, also: [.epochIs(epoch)]), marks: server)
    case .leaving(let mark):
      guard isOurs(mark) else {
        fail(number, sequence, .refused, "out by somebody else")
        return
      }
      let led = store.view.groups.values.contains { $0.record.primary == server }
      let live = store.view.live[server]
      if !led, live == nil || live?.record.drained == true {
        commit(number, sequence, serviceUpdate(.out(mark), record))
      } else {
        wait(number, sequence)
      }
    case .out(let mark):
      if isOurs(mark) {
        succeed(number, sequence)
      } else {
        fail(number, sequence, .refused, "out by somebody else")
      }
    }
  }

  /// Puts a server that could not leave in time back in service.
  private mutating func takeBack(_ number: Int, _ sequence: Int, _ record: Versioned<ServerRecord>) {
    guard let verb = coordinators[number].verbs[sequence] else { return }
    switch record.record.service {
    case .leaving(let mark) where isOurs(mark):
      guard now < verb.undoUntil else {
        fail(number, sequence, .timedOut, "not out in time, nor back")
        return
      }
      commit(number, sequence, serviceUpdate(.inService, record))
    case .out(let mark) where isOurs(mark): succeed(number, sequence)
    case .inService, .leaving, .out: fail(number, sequence, .timedOut, "not out in time; in service again")
    }
  }

  mutating func failBack(_ number: Int, _ sequence: Int, _ server: ServerName) {
    guard let verb = coordinators[number].verbs[sequence], let record = store.view.servers[server] else {
      return
    }
    if verb.stage == .following, now >= verb.deadline {
      coordinators[number].verbs[sequence]?.stage = .undoing
      coordinators[number].verbs[sequence]?.undoUntil = now + Self.undoTime
    }
    if coordinators[number].verbs[sequence]?.stage == .undoing {
      takeOut(number, sequence, record)
      return
    }
    if verb.mark == nil, let mark = record.record.service.mark {
      coordinators[number].verbs[sequence]?.mark = mark
    }
    guard let live = store.view.live[server] else {
      wait(number, sequence)
      return
    }
    if record.record.service.isInService {
      guard !live.record.drained else {
        wait(number, sequence)
        return
      }
      // The proof by a registration, which may fail.
      if isFaulty, random.one(in: 60) {
        coordinators[number].verbs[sequence]?.stage = .undoing
        coordinators[number].verbs[sequence]?.undoUntil = now + Self.undoTime
        wait(number, sequence)
        return
      }
      succeed(number, sequence)
      return
    }
    let isCaughtUp = store.view.groups.values.allSatisfy { group in
      group.record.replicas.allSatisfy { $0.server != server || $0.builtBy == live.record.instance }
    }
    if isCaughtUp {
      commit(number, sequence, serviceUpdate(.inService, record))
    } else {
      wait(number, sequence)
    }
  }

  /// Puts the mark back that the server had.
  private mutating func takeOut(_ number: Int, _ sequence: Int, _ record: Versioned<ServerRecord>) {
    guard let verb = coordinators[number].verbs[sequence] else { return }
    guard let mark = verb.mark else {
      fail(number, sequence, .timedOut, "it did not come back")
      return
    }
    guard now < verb.undoUntil else {
      fail(number, sequence, .timedOut, "it did not come back, nor go out again")
      return
    }
    let name = record.record.name
    switch record.record.service {
    case .inService: commit(number, sequence, serviceUpdate(.leaving(mark), record))
    case .leaving(let found) where found == mark:
      let led = store.view.groups.values.contains { $0.record.primary == name }
      if !led || now >= verb.undoUntil - Self.undoTime / 2 {
        commit(number, sequence, serviceUpdate(.out(mark), record))
      } else {
        wait(number, sequence)
      }
    case .leaving, .out: fail(number, sequence, .timedOut, "it stays out")
    }
  }

  // MARK: - Processes

  mutating func stop(_ number: Int, _ sequence: Int, _ server: ServerName) {
    guard let verb = coordinators[number].verbs[sequence], let target = index(of: server) else { return }
    guard now < verb.deadline else {
      fail(number, sequence, .timedOut, "\(server) was not stopped in time")
      return
    }
    switch verb.stage {
    case .ending:
      if store.view.live[server] == nil { succeed(number, sequence) } else { wait(number, sequence) }
    case .stopping:
      guard mayHandle(target, coordinators[number].lease) else {
        fail(number, sequence, .fenced, "fenced")
        return
      }
      checkEffect("the stop of \(server)", on: target, coordinators[number].lease)
      checkStop(target, by: number)
      note("\(server) is stopped")
      servers[target].isWanted = false
      end(target, inOrder: random.chance(80))
      coordinators[number].verbs[sequence]?.stage = .ending
      wait(number, sequence)
    case .admission, .following, .undoing:
      guard case .out? = store.view.servers[server]?.record.service else {
        fail(number, sequence, .refused, "only a server that is out is stopped")
        return
      }
      coordinators[number].verbs[sequence]?.stage = .stopping
      again(number, sequence, in: random.int(1, 30))
    }
  }

  mutating func start(_ number: Int, _ sequence: Int, _ server: ServerName) {
    guard let verb = coordinators[number].verbs[sequence], let target = index(of: server) else { return }
    guard now < verb.deadline else {
      fail(number, sequence, .timedOut, "\(server) is not seen in the fabric")
      return
    }
    let found = store.view.live[server]?.record.instance
    switch verb.stage {
    case .ending:
      if let found, found != verb.staleInstance { succeed(number, sequence) } else { wait(number, sequence) }
    case .stopping:
      guard mayHandle(target, coordinators[number].lease) else {
        fail(number, sequence, .fenced, "fenced")
        return
      }
      checkEffect("the start of \(server)", on: target, coordinators[number].lease)
      if servers[target].command != nil { violate("\(server) is started while a command runs on it") }
      if servers[target].installed == "broken" || servers[target].isBroken {
        servers[target].isWanted = true
        fail(number, sequence, .failed, "\(server)'s process ended")
        return
      }
      boot(target, in: random.int(20, 200))
      coordinators[number].verbs[sequence]?.stage = .ending
      wait(number, sequence)
    case .admission, .following, .undoing:
      if servers[target].isUp, found != nil {
        // Also an act that finds its work done tells the target who acts now.
        guard mayHandle(target, coordinators[number].lease) else {
          fail(number, sequence, .fenced, "fenced")
          return
        }
        succeed(number, sequence)
        return
      }
      coordinators[number].verbs[sequence]?.staleInstance = servers[target].isUp ? nil : found
      coordinators[number].verbs[sequence]?.stage = .stopping
      again(number, sequence, in: random.int(1, 30))
    }
  }

  /// A target refuses a generation lower than it has seen.
  private mutating func mayHandle(_ server: Int, _ generation: UInt64) -> Bool {
    if weakness == .processFence { return true }
    guard servers[server].lockGeneration <= generation else { return false }
    servers[server].lockGeneration = generation
    return true
  }
}
