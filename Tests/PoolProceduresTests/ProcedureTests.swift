import PoolDriving
import PoolModel
import PoolProcedures
import Replication
import Testing

/// Procedures played step by step over a view, without a store, a clock or a server.
@Suite("Procedures")
struct ProcedureTests {
  private static let fe1 = ServerName("fe1")
  private static let fe2 = ServerName("fe2")

  /// Two servers that hold both groups; `fe1` leads them.
  private func view() -> FabricView {
    let names = [Self.fe1, Self.fe2]
    var view = FabricView(epoch: 5, revision: 9)
    for (index, name) in names.enumerated() {
      let record = ServerRecord(name: name, upgradeDomain: UpgradeDomain(name.rawValue), service: .inService)
      view.servers[name] = Versioned(record, revision: 1)
      let live = LiveRecord(
        name: name,
        instance: UInt64(index + 1),
        version: "1",
        peerAddress: "p",
        sipAddress: "sip-of-\(name)",
        processID: 1
      )
      view.live[name] = Versioned(live, revision: 2)
    }
    for number in 0..<2 {
      let id = RoutingGroupID(number)
      let replicas = names.enumerated().map { ReplicaRecord(server: $1, builtBy: UInt64($0 + 1)) }
      let record = GroupRecord(
        id: id,
        generation: 1,
        primary: Self.fe1,
        primaryInstance: 1,
        replicas: replicas
      )
      view.groups[id] = Versioned(record, revision: 3)
    }
    return view
  }

  private func ordered(run: String = "run-1", forced: Bool = false) -> FailOverProcedure {
    let act = Act(
      identity: ActIdentity(run: run, sequence: 1, generation: 1),
      by: "root@test",
      reason: "patch",
      forced: forced
    )
    let mark = OutMark(
      by: act.by,
      reason: act.reason,
      since: PoolTime(milliseconds: 0),
      act: act.identity,
      forced: forced
    )
    return FailOverProcedure(server: Self.fe1, pool: PoolName("p"), act: act, epoch: 5, mark: mark)
  }

  /// What a step's only update would make of the server.
  private func service<Answer>(of step: ProcedureStep<Answer>) throws -> ServiceState {
    guard case .commit(let updates) = step, let update = updates.first, updates.count == 1,
      case .server(let record)? = update.writes.first
    else { throw PoolDriverError(.failed, "\(step) writes no server") }
    #expect(update.writes.contains(.epoch) && update.conditions.contains(.serverIs(record.name, revision: 1)))
    return record.service
  }

  private func move(_ group: Int, to server: ServerName, in view: inout FabricView) {
    view.groups[RoutingGroupID(group)]?.record.primary = server
    view.groups[RoutingGroupID(group)]?.record.primaryInstance = view.live[server]?.record.instance ?? 0
  }

  @Test(
    "a fail-over marks, waits for the groups, then for the clients, then marks out; another goes on in between"
  )
  func failOver() throws {
    var view = view()
    var procedure = ordered()
    let leaving = try service(of: try procedure.next(view))
    #expect(leaving == .leaving(procedure.mark))
    view.servers[Self.fe1]?.record.service = leaving
    #expect(try procedure.next(view) == .wait(DriverProgress("0 of 2 primaries moved", done: 0, of: 2)))
    move(0, to: Self.fe2, in: &view)
    #expect(try procedure.next(view) == .wait(DriverProgress("1 of 2 primaries moved", done: 1, of: 2)))
    move(1, to: Self.fe2, in: &view)
    var successor = ordered()
    guard case .wait = try successor.next(view) else {
      Issue.record("it does not wait for the clients")
      return
    }
    view.live[Self.fe1]?.record.drained = true
    let out = try service(of: try successor.next(view))
    #expect(out == .out(procedure.mark))
    view.servers[Self.fe1]?.record.service = out
    #expect(try procedure.next(view) == .done(.out))
    var undo = procedure.undo
    #expect(try undo.next(view) == .done(true))
  }

  @Test(
    "a fail-over is not begun under another epoch, nor over another run's mark; its own mark is taken back"
  )
  func failOverRefused() throws {
    var view = view()
    view.epoch = 6
    var procedure = ordered()
    #expect(throws: PoolDriverError.self) { try procedure.next(view) }
    view.epoch = 5
    view.servers[Self.fe1]?.record.service = .leaving(ordered(run: "other").mark)
    #expect(throws: PoolDriverError.self) { try procedure.next(view) }
    var undo = procedure.undo
    #expect(try undo.next(view) == .done(false))
    view.servers[Self.fe1]?.record.service = .leaving(procedure.mark)
    #expect(try service(of: try undo.next(view)) == .inService)
  }

  @Test("by force it ends with what nobody else can lead, and goes when it is told to")
  func stranded() throws {
    var view = view()
    view.live[Self.fe2] = nil
    var procedure = ordered(forced: true)
    view.servers[Self.fe1]?.record.service = .leaving(procedure.mark)
    #expect(try procedure.next(view) == .done(.stranded))
    procedure.stranded = .goes
    #expect(try service(of: try procedure.next(view)) == .out(procedure.mark))
  }

  @Test("a fail-back waits for the replicas, takes the mark away, and can put it back")
  func failBack() throws {
    var view = view()
    let mark = ordered().mark
    view.servers[Self.fe1]?.record.service = .out(mark)
    view.live[Self.fe1]?.record.instance = 7
    var procedure = FailBackProcedure(server: Self.fe1, pool: PoolName("p"))
    #expect(try procedure.next(view) == .wait(DriverProgress("0 of 2 replicas caught up", done: 0, of: 2)))
    for group in view.groups.keys { view.groups[group]?.record.replicas[0].builtBy = 7 }
    #expect(try service(of: try procedure.next(view)) == .inService)
    view.servers[Self.fe1]?.record.service = .inService
    #expect(try procedure.next(view) == .done("sip-of-fe1"))
    var undo = try #require(procedure.undo(hasPatience: true))
    let leaving = try service(of: try undo.next(view))
    #expect(leaving == .leaving(mark))
    view.servers[Self.fe1]?.record.service = leaving
    #expect(try undo.next(view) == .wait(nil))
    var impatient = try #require(procedure.undo(hasPatience: false))
    #expect(try service(of: try impatient.next(view)) == .out(mark))
  }

  @Test("evening out asks for moves, counts them, and takes back what was not done")
  func even() throws {
    var view = view()
    var procedure = EvenProcedure()
    guard case .commit(let updates) = try procedure.next(view), updates.count == 1,
      case .group(let asked, fencing: false)? = updates.first?.writes.first
    else {
      Issue.record("it does not ask for one move")
      return
    }
    #expect(asked.preferredPrimary == Self.fe2)
    view.groups[asked.id]?.record = asked
    #expect(try procedure.next(view) == .wait(DriverProgress("0 of 1 primaries moved", done: 0, of: 1)))
    var undo = procedure.undo
    guard case .commit(let withdrawal) = try undo.next(view),
      case .group(let withdrawn, fencing: false)? = withdrawal.first?.writes.first
    else {
      Issue.record("it takes nothing back")
      return
    }
    #expect(withdrawn.preferredPrimary == nil)
    view.groups[asked.id]?.record.preferredPrimary = nil
    move(asked.id.index, to: Self.fe2, in: &view)
    #expect(try procedure.next(view) == .done(1))
  }
}
