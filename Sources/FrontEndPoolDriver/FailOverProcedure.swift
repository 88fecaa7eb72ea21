import PoolDriving
import PoolModel
import Replication

/// A fail-over as a procedure that looks at the fabric and says what comes next. It keeps nothing that matters: another
/// process that begins in the middle says the same.
struct FailOverProcedure: Sendable {
  /// What comes next.
  enum Step: Hashable, Sendable {
    /// Commit this and look again.
    case commit(FabricUpdate)
    /// Wait for a change of the fabric.
    case wait(DriverProgress)
    /// The server leads nothing more but groups that nobody else can lead, by force; what is left is the drain.
    case stranded
    /// It is done.
    case done
  }

  /// Who goes.
  let server: ServerName
  /// Which pool, for messages.
  let pool: PoolName
  /// Whose order it is.
  let act: Act
  /// The epoch of the gate's yes.
  let epoch: UInt64
  /// The mark to be set.
  let mark: OutMark
  /// How many groups it led when they began to move.
  private var led = 0
  /// What happens when the server still leads groups that nobody else can lead, and was forced out.
  var stranded = Stranded.asks

  /// See `stranded`.
  enum Stranded: Sendable {
    /// The next step is `.stranded`.
    case asks
    /// It waits until the server has drained.
    case waits
    /// It goes, drained or not.
    case goes
  }

  init(server: ServerName, pool: PoolName, act: Act, epoch: UInt64, mark: OutMark) {
    self.server = server
    self.pool = pool
    self.act = act
    self.epoch = epoch
    self.mark = mark
  }

  /// What comes next when the fabric looks like `view`.
  mutating func next(_ view: FabricView) throws(PoolDriverError) -> Step {
    guard let record = view.servers[server] else { throw FrontEndPoolDriver.unknown(server, in: pool) }
    switch record.record.service {
    case .inService:
      guard view.epoch == epoch else {
        throw PoolDriverError(
          .epochChanged,
          "the fabric changed (epoch \(epoch) is now \(view.epoch)) before \(server) was marked: check again"
        )
      }
      led = view.groupsLed(by: server).count
      return .commit(write(.leaving(mark), over: record, also: [.epochIs(epoch)]))
    case .leaving(let found):
      try check(found, service: record.record.service)
      return leave(view, record, mark: found)
    case .out(let found):
      try check(found, service: record.record.service)
      return .done
    }
  }

  /// How to take the mark back, `nil` when there is nothing to take back.
  func undo(_ view: FabricView) -> FabricUpdate? {
    guard let record = view.servers[server], case .leaving(let found) = record.record.service, isOurs(found)
    else {
      return nil
    }
    return write(.inService, over: record)
  }

  /// Whether the server is out by this act.
  func isDone(_ view: FabricView) -> Bool {
    guard case .out(let found)? = view.servers[server]?.record.service else { return false }
    return isOurs(found)
  }

  private func isOurs(_ mark: OutMark) -> Bool { mark.act?.run == act.identity.run }

  private func check(_ found: OutMark, service: ServiceState) throws(PoolDriverError) {
    guard !isOurs(found) else { return }
    throw PoolDriverError(.refused, "\(server) is \(service.sentence), not by this run")
  }

  private mutating func leave(_ view: FabricView, _ record: Versioned<ServerRecord>, mark: OutMark) -> Step {
    let ledNow = view.groupsLed(by: server)
    led = max(led, ledNow.count)
    let movable = ledNow.filter { !view.isStranded($0, without: server) }
    let moved = led - ledNow.count
    let progress = DriverProgress("\(moved) of \(led) primaries moved", done: moved, of: led)
    guard movable.isEmpty, ledNow.isEmpty || mark.forced else { return .wait(progress) }
    guard let process = view.live[server] else { return .commit(write(.out(mark), over: record)) }
    if process.record.drained || stranded == .goes { return .commit(write(.out(mark), over: record)) }
    if !ledNow.isEmpty, stranded == .asks { return .stranded }
    return .wait(DriverProgress("primaries moved, clients are being moved", done: led, of: led))
  }

  private func write(
    _ service: ServiceState,
    over record: Versioned<ServerRecord>,
    also conditions: [FabricCondition] = []
  ) -> FabricUpdate {
    var changed = record.record
    changed.service = service
    return FabricUpdate(
      when: [.serverIs(server, revision: record.revision)] + conditions,
      write: [.server(changed), .epoch]
    )
  }
}
