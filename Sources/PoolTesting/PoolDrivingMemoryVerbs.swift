public import PoolDriving
public import PoolModel
import Synchronization

extension MemoryPool {
  /// Lets an act in, notes it, and throws the failure that was ordered for this verb.
  private func admit(_ verb: String, _ server: ServerName?, _ act: Act, _ state: inout State)
    throws(PoolDriverError)
  {
    let generation = act.identity.generation
    guard generation >= state.fence else {
      throw PoolDriverError(.fenced, "generation \(generation) is older than \(state.fence)")
    }
    state.fence = generation
    if let server, state.server(server) == nil {
      throw PoolDriverError(.unknownServer, "pool \(name) has no server \(server)")
    }
    if var failures = state.failures[verb], !failures.isEmpty {
      let failure = failures.removeFirst()
      state.failures[verb] = failures
      throw failure
    }
    state.performed.append(Performed(verb: verb, server: server, act: act.identity))
    state.revision += 1
  }

  /// See `PoolDriving.failOver`.
  public func failOver(_ server: ServerName, act: Act, epoch: UInt64) throws(PoolDriverError) {
    let now = now
    try state.withLock { state throws(PoolDriverError) in
      try admit("failOver", server, act, &state)
      switch state.server(server)?.service {
      case .inService:
        guard state.epoch == epoch else {
          throw PoolDriverError(.epochChanged, "the epoch is \(state.epoch), not \(epoch)")
        }
      case .leaving(let mark)?, .out(let mark)?:
        guard mark.act?.run == act.identity.run else {
          throw PoolDriverError(.refused, "\(server) is out by \(mark.by)")
        }
      case nil: return
      }
      let mark = OutMark(by: act.by, reason: act.reason, since: now, act: act.identity, forced: act.forced)
      state.change(server) { $0.service = .leaving(mark) }
      state.epoch += 1
      guard state.moveOff(server) == 0 || act.forced else {
        state.change(server) { $0.service = .inService }
        throw PoolDriverError(.timedOut, "not all primaries of \(server) could be moved")
      }
      state.change(server) { $0.service = .out(mark) }
      state.epoch += 1
    }
  }

  /// See `PoolDriving.stop`.
  public func stop(_ server: ServerName, act: Act) throws(PoolDriverError) {
    try state.withLock { state throws(PoolDriverError) in
      try admit("stop", server, act, &state)
      guard case .out? = state.server(server)?.service else {
        throw PoolDriverError(.refused, "\(server) is not out")
      }
      state.change(server) { $0.isUp = false }
      state.promote()
    }
  }

  /// See `PoolDriving.start`.
  public func start(_ server: ServerName, act: Act) throws(PoolDriverError) {
    try state.withLock { state throws(PoolDriverError) in
      try admit("start", server, act, &state)
      guard state.server(server)?.starts == true else {
        throw PoolDriverError(.timedOut, "\(server) was started and is not seen in the fabric")
      }
      state.bringUp(server)
      state.promote()
    }
  }

  /// See `PoolDriving.failBack`.
  public func failBack(_ server: ServerName, act: Act, even: Bool) throws(PoolDriverError) {
    try state.withLock { state throws(PoolDriverError) in
      try admit("failBack", server, act, &state)
      guard state.server(server)?.isUp == true else {
        throw PoolDriverError(.timedOut, "\(server) did not come up")
      }
      guard state.groups.allSatisfy({ $0.replicas[server] == nil || state.isUp($0, on: server) }) else {
        throw PoolDriverError(.timedOut, "the replicas on \(server) did not catch up")
      }
      state.change(server) { $0.service = .inService }
      state.epoch += 1
      state.fill()
      state.promote()
      if even { _ = state.even() }
    }
  }

  /// See `PoolDriving.even`.
  public func even(act: Act) throws(PoolDriverError) -> Int {
    try state.withLock { state throws(PoolDriverError) in
      try admit("even", nil, act, &state)
      return state.even()
    }
  }

  /// See `PoolDriving.recover`.
  public func recover(act: Act) throws(PoolDriverError) -> RecoveryReport {
    try state.withLock { state throws(PoolDriverError) in
      try admit("recover", nil, act, &state)
      return state.recover()
    }
  }

  /// See `PoolDriving.version`.
  public func version(of server: ServerName) throws(PoolDriverError) -> String? {
    try state.withLock { state throws(PoolDriverError) in
      guard let found = state.server(server) else {
        throw PoolDriverError(.unknownServer, "pool \(name) has no server \(server)")
      }
      return found.isUp ? found.version : nil
    }
  }
}

extension MemoryPool.State {
  /// Moves primaries from the server that leads most to one that leads at least two fewer, until there is none.
  mutating func even() -> Int {
    var moves = 0
    while true {
      var best: (group: Int, to: ServerName)?
      for (index, group) in groups.enumerated() {
        guard let primary = group.primary, let heir = heir(of: group, except: primary) else { continue }
        if led(by: primary) >= led(by: heir) + 2 {
          best = (index, heir)
          break
        }
      }
      guard let best else { return moves }
      groups[best.group].primary = best.to
      groups[best.group].generation += 1
      epoch += 1
      moves += 1
    }
  }

  mutating func recover() -> RecoveryReport {
    var report = RecoveryReport(
      groups: [],
      lostServers: [],
      replicasLost: 0,
      replicasPlaced: 0,
      bindingsRecovered: 0
    )
    let live = servers.filter { $0.isUp && $0.service.isInService }
    for index in groups.indices {
      let up = groups[index].replicas.keys.filter { isUp(groups[index], on: $0) }
      let needed = Quorum.needed(forTarget: min(target, groups[index].replicas.count))
      guard up.count < needed else { continue }
      for name in groups[index].replicas.keys where server(name)?.isUp != true {
        groups[index].replicas[name] = nil
        report.replicasLost += 1
        if !report.lostServers.contains(name) { report.lostServers.append(name) }
      }
      for server in live
      where groups[index].replicas.count < target && groups[index].replicas[server.name] == nil {
        groups[index].replicas[server.name] = server.instance
        report.replicasPlaced += 1
      }
      groups[index].generation += 1
      report.groups.append(groups[index].id)
      report.bindingsRecovered += 10
      epoch += 1
    }
    report.lostServers.sort()
    promote()
    return report
  }
}
