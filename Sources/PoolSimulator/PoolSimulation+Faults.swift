import PatchRun
import PoolModel
import Replication

/// What happens to the pool from outside.
extension PoolSimulation {
  mutating func fault() {
    guard isFaulty, let pause = scenario.faultPause else { return }
    schedule(.fault, in: random.int(pause / 3, pause * 2))
    let server = random.int(0, servers.count - 1)
    let kind = random.int(0, 26)
    switch kind {
    case 0...10, 16, 18: disturbServer(server, kind)
    case 19...25: disturbCoordinator(kind)
    default: disturbStore(kind)
    }
  }

  private mutating func disturbServer(_ server: Int, _ kind: Int) {
    switch kind {
    case 0...3: crash(server)
    case 4, 5:
      count(.serverCut)
      servers[server].isPartitioned = true
    case 6...8: for index in servers.indices { servers[index].isPartitioned = false }
    case 9:
      let offset = random.int(-3_000, 3_000)
      if abs(offset) > 2_000 { count(.serverClock) }
      tell(server, .clockMeasured(offset: .milliseconds(offset)))
    case 10:
      guard !servers[server].lagsForEver else { return }
      servers[server].lags.toggle()
      guard servers[server].lags else { return }
      servers[server].lagsForEver = random.one(in: 10)
      count(servers[server].lagsForEver ? .lagForEver : .lag)
    case 16: operate(server)
    default:
      guard let instance = servers[server].machine.instance else { return }
      note("the lease of \(servers[server].name) is ended")
      count(.serverLease)
      watch.leaseWasRevoked = true
      endLease(instance)
    }
  }

  private mutating func disturbStore(_ kind: Int) {
    switch kind {
    case 11:
      count(.storeSlow)
      slowUntil = now + random.int(500, 3_000)
    case 12:
      guard random.chance(30) else { return }
      count(.clockJump)
      clockJump += random.int(-8_000, 8_000)
    case 13:
      count(.storeMember)
      seedsDown.insert(random.int(0, 2))
    case 14, 15: seedsDown.removeAll()
    case 17:
      count(.userGap)
      longestGap = max(longestGap, random.int(100, 1_300))
    default:
      note("the store answers nobody")
      count(.storeGone)
      goneUntil = now + random.int(200, 3_000)
    }
  }

  private mutating func disturbCoordinator(_ kind: Int) {
    guard kind != 25 else {
      newCoordinator()
      return
    }
    guard let number = liveCoordinator else { return }
    switch kind {
    case 19, 20:
      count(.crashAnywhere)
      crashCoordinator(number)
    case 21:
      coordinators[number].isPartitioned.toggle()
      if coordinators[number].isPartitioned { count(.coordinatorCut) }
    case 22, 23: stall(number)
    default:
      note("the lease of coordinator \(number) is ended")
      count(.coordinatorLease)
      watch.revoked.insert(coordinators[number].lease)
      endLease(coordinators[number].lease)
    }
  }

  /// Whether a server cannot reach the store.
  func isCut(_ server: Int) -> Bool { servers[server].isPartitioned || now < goneUntil }

  mutating func stall(_ number: Int) {
    count(.stall)
    coordinators[number].stalledUntil = now + random.int(100, 5_000)
    note("coordinator \(number) stalls until \(coordinators[number].stalledUntil)")
    if random.chance(50) { schedule(.newCoordinator, in: random.int(100, 2_000)) }
  }

  private mutating func crash(_ server: Int) {
    guard servers[server].isUp else { return }
    note("\(servers[server].name) crashes")
    let isBesideOut = servers.indices.contains { index in
      guard index != server, case .out(let mark)? = store.view.servers[servers[index].name]?.record.service
      else { return false }
      return isOurs(mark)
    }
    count(isBesideOut ? .crashBesideOut : .crash)
    end(server, inOrder: false)
    if random.one(in: 12) {
      count(.neverReturns)
      servers[server].isBroken = true
    }
    boot(server, in: random.chance(20) ? random.int(3_000, 12_000) : random.int(50, 2_500))
  }

  /// Somebody else takes a server out by hand, and brings it back.
  private mutating func operate(_ server: Int) {
    guard let record = store.view.servers[servers[server].name] else { return }
    switch record.record.service {
    case .inService:
      let mark = OutMark(by: "eve@other", reason: "by hand", since: storeTime)
      note("\(servers[server].name) is taken out by somebody else")
      count(.otherOperator)
      servers[server].lostAt = now
      _ = store.commit(serviceUpdate(.out(mark), record))
    case .leaving(let mark), .out(let mark):
      guard !isOurs(mark) else { return }
      _ = store.commit(serviceUpdate(.inService, record))
    }
    storeChanged()
  }
}
