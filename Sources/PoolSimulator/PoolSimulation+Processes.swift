import PatchRun
import PoolModel
import Replication

/// The verbs that stop and start a server's process.
extension PoolSimulation {
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
    case .admission, .following:
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
    case .admission, .following:
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
