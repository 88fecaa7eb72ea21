import PoolDriving
import PoolModel
import Replication

/// The way of a server back into service, as a procedure that looks at the fabric and says what comes next.
struct FailBackProcedure: Sendable {
  /// What comes next.
  enum Step: Hashable, Sendable {
    /// Commit this and look again.
    case commit(FabricUpdate)
    /// Wait for a change of the fabric.
    case wait(DriverProgress)
    /// The server is in service; where clients reach it.
    case inService(sipAddress: String)
  }

  /// Who returns.
  let server: ServerName
  /// Which pool, for messages.
  let pool: PoolName
  /// The mark it had before this procedure took it away: what it gets back if the proof fails.
  private(set) var mark: OutMark?

  init(server: ServerName, pool: PoolName) {
    self.server = server
    self.pool = pool
  }

  /// What comes next when the fabric looks like `view`.
  mutating func next(_ view: FabricView) throws(PoolDriverError) -> Step {
    guard let record = view.servers[server] else { throw FrontEndPoolDriver.unknown(server, in: pool) }
    if let mark = record.record.service.mark { self.mark = mark }
    guard let process = view.live[server] else {
      return .wait(DriverProgress("waiting for the server to come up"))
    }
    if record.record.service.isInService {
      // Until it takes back that it has drained it is given no primaries.
      guard !process.record.drained else {
        return .wait(DriverProgress("waiting for it to take up its service"))
      }
      return .inService(sipAddress: process.record.sipAddress)
    }
    let (done, total) = view.caughtUp(on: server)
    guard done == total else {
      return .wait(DriverProgress("\(done) of \(total) replicas caught up", done: done, of: total))
    }
    var changed = record.record
    changed.service = .inService
    return .commit(
      FabricUpdate(
        when: [.serverIs(server, revision: record.revision)],
        write: [.server(changed), .epoch]
      )
    )
  }

  /// How to take the server out again with the mark it had: at first it gives its groups away, then it is out.
  func undo(_ view: FabricView, hasPatience: Bool) -> FabricUpdate? {
    guard let mark, let record = view.servers[server] else { return nil }
    var changed = record.record
    switch record.record.service {
    case .inService: changed.service = .leaving(mark)
    case .leaving(mark):
      guard view.groupsLed(by: server).isEmpty || !hasPatience else { return nil }
      changed.service = .out(mark)
    case .leaving, .out: return nil
    }
    return FabricUpdate(
      when: [.serverIs(server, revision: record.revision)],
      write: [.server(changed), .epoch]
    )
  }

  /// Whether the server is out.
  func isUndone(_ view: FabricView) -> Bool {
    guard mark != nil, case .out? = view.servers[server]?.record.service else { return false }
    return true
  }
}
