public import PoolDriving
public import PoolModel
public import Replication

/// A fail-over: the server is marked as leaving under the gate's epoch, gives away what it leads, drains, and is out.
public struct FailOverProcedure: PoolProcedure {
  /// What it answers.
  public enum Answer: Hashable, Sendable {
    /// The server leads nothing more but groups that nobody else can lead, by force; what is left is the drain.
    case stranded
    /// It is out.
    case out
  }

  /// Who goes.
  public let server: ServerName
  /// Which pool, for messages.
  public let pool: PoolName
  /// Whose order it is.
  public let act: Act
  /// The epoch of the gate's yes.
  public let epoch: UInt64
  /// The mark to be set.
  public let mark: OutMark
  /// How many groups it led when they began to move.
  private var led = 0
  /// What happens when the server still leads groups that nobody else can lead, and was forced out.
  public var stranded = Stranded.asks

  /// See `stranded`.
  public enum Stranded: Sendable {
    /// The procedure ends with `.stranded`.
    case asks
    /// It waits until the server has drained.
    case waits
    /// It goes, drained or not.
    case goes
  }

  /// A fail-over of `server`; `pool` is for messages.
  public init(server: ServerName, pool: PoolName, act: Act, epoch: UInt64, mark: OutMark) {
    self.server = server
    self.pool = pool
    self.act = act
    self.epoch = epoch
    self.mark = mark
  }

  /// What comes next when the fabric looks like `view`.
  public mutating func next(_ view: FabricView) throws(PoolDriverError) -> ProcedureStep<Answer> {
    guard let record = view.servers[server] else { throw PoolDriverError.unknown(server, in: pool) }
    switch record.record.service {
    case .inService:
      guard view.epoch == epoch else {
        throw PoolDriverError(
          .epochChanged,
          "the fabric changed (epoch \(epoch) is now \(view.epoch)) before \(server) was marked: check again"
        )
      }
      led = view.groupsLed(by: server).count
      return .commit([Self.write(.leaving(mark), over: record, also: [.epochIs(epoch)])])
    case .leaving(let found):
      try check(found, service: record.record.service)
      return leave(view, record, mark: found)
    case .out(let found):
      try check(found, service: record.record.service)
      return .done(.out)
    }
  }

  /// Takes the mark back.
  public var undo: FailOverUndo { FailOverUndo(server: server, run: act.identity.run) }

  private func isOurs(_ mark: OutMark) -> Bool { mark.act?.run == act.identity.run }

  private func check(_ found: OutMark, service: ServiceState) throws(PoolDriverError) {
    guard !isOurs(found) else { return }
    throw PoolDriverError(.refused, "\(server) is \(service.sentence), not by this run")
  }

  private mutating func leave(_ view: FabricView, _ record: Versioned<ServerRecord>, mark: OutMark)
    -> ProcedureStep<Answer>
  {
    let ledNow = view.groupsLed(by: server)
    led = max(led, ledNow.count)
    let movable = ledNow.filter { !view.isStranded($0, without: server) }
    let moved = led - ledNow.count
    let progress = DriverProgress("\(moved) of \(led) primaries moved", done: moved, of: led)
    guard movable.isEmpty, ledNow.isEmpty || mark.forced else { return .wait(progress) }
    guard let process = view.live[server] else { return .commit([Self.write(.out(mark), over: record)]) }
    if process.record.drained || stranded == .goes { return .commit([Self.write(.out(mark), over: record)]) }
    if !ledNow.isEmpty, stranded == .asks { return .done(.stranded) }
    return .wait(DriverProgress("primaries moved, clients are being moved", done: led, of: led))
  }

  static func write(
    _ service: ServiceState,
    over record: Versioned<ServerRecord>,
    also conditions: [FabricCondition] = []
  ) -> FabricUpdate {
    var changed = record.record
    changed.service = service
    return FabricUpdate(
      when: [.serverIs(record.record.name, revision: record.revision)] + conditions,
      write: [.server(changed), .epoch]
    )
  }
}

/// Takes back the mark of a fail-over that did not end in time. Answers whether the server turned out to be out after all.
public struct FailOverUndo: PoolProcedure {
  /// Who stays.
  let server: ServerName
  /// Whose marks are taken back.
  let run: String

  /// What comes next when the fabric looks like `view`.
  public mutating func next(_ view: FabricView) throws(PoolDriverError) -> ProcedureStep<Bool> {
    guard let record = view.servers[server] else { return .done(false) }
    switch record.record.service {
    case .leaving(let found) where found.act?.run == run:
      return .commit([FailOverProcedure.write(.inService, over: record)])
    case .out(let found): return .done(found.act?.run == run)
    case .inService, .leaving: return .done(false)
    }
  }
}
