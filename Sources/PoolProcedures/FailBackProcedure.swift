public import PoolDriving
public import PoolModel
public import Replication

/// The way of a server back into service: it is taken back once its replicas have caught up. Answers where clients reach
/// it (`host:port`).
public struct FailBackProcedure: PoolProcedure {
  /// Who returns.
  public let server: ServerName
  /// Which pool, for messages.
  let pool: PoolName
  /// The mark it had before this procedure took it away: what it gets back if the proof fails.
  public private(set) var mark: OutMark?

  /// A fail-back of `server`; `pool` is for messages.
  public init(server: ServerName, pool: PoolName) {
    self.server = server
    self.pool = pool
  }

  /// What comes next when the fabric looks like `view`.
  public mutating func next(_ view: FabricView) throws(PoolDriverError) -> ProcedureStep<String> {
    guard let record = view.servers[server] else { throw PoolDriverError.unknown(server, in: pool) }
    if let mark = record.record.service.mark { self.mark = mark }
    guard let process = view.live[server] else {
      return .wait(DriverProgress("waiting for the server to come up"))
    }
    if record.record.service.isInService {
      // Until it takes back that it has drained it is given no primaries.
      guard !process.record.drained else {
        return .wait(DriverProgress("waiting for it to take up its service"))
      }
      return .done(process.record.sipAddress)
    }
    let (done, total) = view.caughtUp(on: server)
    guard done == total else {
      return .wait(DriverProgress("\(done) of \(total) replicas caught up", done: done, of: total))
    }
    var changed = record.record
    changed.service = .inService
    return .commit([
      FabricUpdate(
        when: [.serverIs(server, revision: record.revision)],
        write: [.server(changed), .epoch]
      )
    ])
  }

  /// Takes the server out again with the mark it had; `nil` when it had none.
  /// - Parameter hasPatience: whether it goes out only once it leads nothing any more.
  public func undo(hasPatience: Bool) -> FailBackUndo? {
    mark.map { FailBackUndo(server: server, mark: $0, hasPatience: hasPatience) }
  }
}

/// Takes a server out again whose fail-back did not succeed: at first it gives its groups away, then it is out.
public struct FailBackUndo: PoolProcedure {
  /// Who goes.
  let server: ServerName
  /// What it gets back.
  let mark: OutMark
  /// Whether it goes out only once it leads nothing any more.
  public let hasPatience: Bool

  /// What comes next when the fabric looks like `view`.
  public mutating func next(_ view: FabricView) throws(PoolDriverError) -> ProcedureStep<Done> {
    guard let record = view.servers[server] else { return .wait(nil) }
    var changed = record.record
    switch record.record.service {
    case .inService: changed.service = .leaving(mark)
    case .leaving(mark):
      guard view.groupsLed(by: server).isEmpty || !hasPatience else { return .wait(nil) }
      changed.service = .out(mark)
    case .leaving: return .wait(nil)
    case .out: return .done(Done())
    }
    return .commit([
      FabricUpdate(
        when: [.serverIs(server, revision: record.revision)],
        write: [.server(changed), .epoch]
      )
    ])
  }
}
