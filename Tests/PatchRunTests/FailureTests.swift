import PatchRun
import PoolDriving
import PoolModel
import PoolTesting
import Testing

/// What goes wrong in the middle, and what the run makes of it.
@Suite struct FailureTests {
  let fe1 = ServerName("fe1")
  let fe2 = ServerName("fe2")
  let fe3 = ServerName("fe3")

  @Test(arguments: ["failOver", "stop", "start", "failBack", "even"])
  func aVerbThatFailsOnceIsTriedAgain(_ verb: String) throws {
    var world = MachineWorld()
    world.pool.change(.fail(verb: verb, PoolDriverError(.unreachable, "no route")))
    world.run(try world.plan())
    #expect(world.violations == [])
    #expect(world.state?.exitCode == .done)
    #expect(world.journal.contains { if case .retried(_, _, 2, "no route") = $0 { true } else { false } })
  }

  @Test(arguments: ["failOver", "stop", "start", "failBack", "even"])
  func aVerbThatFailsForGoodLeavesNoServerBehindSilently(_ verb: String) throws {
    var world = MachineWorld()
    for _ in 0..<9 { world.pool.change(.fail(verb: verb, PoolDriverError(.failed, "broken"))) }
    world.run(try world.plan())
    #expect(world.violations == [])
    #expect(world.state?.exitCode != .done)
    let out = try world.pool.fabricState().servers.filter { !$0.service.isInService }.map(\.name)
    #expect(world.state?.quarantined == out)
  }

  @Test func anEpochThatChangedIsGatedAgain() throws {
    var world = MachineWorld()
    world.pool.change(.fail(verb: "failOver", PoolDriverError(.epochChanged, "moved on")))
    world.run(try world.plan())
    #expect(world.violations == [])
    #expect(world.state?.exitCode == .done)
    let gates = world.journal.count { if case .entered(_, .gate, _, _) = $0 { true } else { false } }
    #expect(gates == 4)
  }

  @Test func aTimedOutFailOverLeavesTheServerInService() throws {
    var world = MachineWorld()
    world.pool.change(.fail(verb: "failOver", PoolDriverError(.timedOut, "1 primary left")))
    world.run(try world.plan())
    #expect(world.violations == [])
    #expect(world.state?.exitCode == .stopped)
    #expect(try world.pool.fabricState().isHealthy)
    #expect(!world.pool.performed.contains { $0.verb == "stop" })
  }

  @Test func aServerThatDiesBeforeTheMarkMeansAnotherGate() throws {
    var world = MachineWorld()
    world.broken = [fe3]
    world.meanwhile = { directive, pool in
      if case .failOver = directive { pool.change(.kill(ServerName("fe3"))) }
    }
    // The death raises the epoch: the gate's yes is void, and the next gate waits for fe3.
    world.run(try world.plan(.patch, [fe1]))
    #expect(world.violations == [])
    #expect(!world.pool.performed.contains { $0.verb == "stop" })
    #expect(world.state?.exitCode == .stopped)
  }

  @Test func aServerThatDiesWhileAnotherIsOutStopsTheStop() throws {
    var world = MachineWorld()
    world.broken = [fe3]
    world.meanwhile = { directive, pool in
      if case .observe = directive, !pool.markedBy("run").isEmpty { pool.change(.kill(ServerName("fe3"))) }
    }
    // fe3 dies when fe1 is out and not yet stopped: at the last gate fe2 alone would hold the groups.
    world.run(try world.plan(.patch, [fe1]))
    #expect(world.violations == [])
    #expect(!world.pool.performed.contains { $0.verb == "stop" }, "fe1 was stopped although fe3 had died")
    #expect(try world.pool.fabricState().server(fe1)?.service.isInService == true)
    #expect(world.state?.exitCode == .stopped)
  }

  @Test func aServerThatWasDownAtPlanningIsReadAtItsGate() throws {
    for version in ["1.0", "2.0"] {
      var world = MachineWorld()
      world.pool.change(.install(fe2, version: version))
      world.pool.change(.kill(fe2))
      let plan = try world.plan()
      #expect(plan.entry(fe2)?.version == nil)
      world.pool.change(.revive(fe2))
      world.run(plan)
      #expect(world.violations == [])
      #expect(world.state?.exitCode == .done)
      let outcome = world.state?.lane(fe2)?.outcome
      #expect(outcome == (version == "2.0" ? .skipped("runs 2.0 already") : .done))
      #expect(world.pool.performed.contains { $0.verb == "stop" && $0.server == fe2 } == (version == "1.0"))
    }
  }

  @Test func aRecoveryIsNoMoveOfPrimaries() throws {
    var world = MachineWorld()
    world.broken = [fe2, fe3]
    let plan = try world.plan()
    for server in [fe2, fe3] { world.pool.change(.kill(server)) }
    world.meanwhile = { directive, pool in
      guard case .observe(let after) = directive, after > .zero else { return }
      for server in [ServerName("fe2"), ServerName("fe3")] {
        if case .inService? = pool.serviceOf(server) { pool.change(.revive(server)) }
      }
    }
    world.run(plan, MachineWorld.settings { $0.recoverApproved = "bob@ops" })
    #expect(world.violations == [])
    #expect(world.state?.exitCode == .done)
    let counts = world.journal.count { if case .counted = $0 { true } else { false } }
    #expect(counts == 3)
  }

  @Test func fencedMeansStandDown() throws {
    var world = MachineWorld()
    world.pool.change(.fail(verb: "stop", PoolDriverError(.fenced, "newer")))
    let before = world.journal.count
    world.run(try world.plan())
    #expect(world.violations == [])
    #expect(world.journal.count > before)
    guard case .entered(_, .stop, _, _)? = world.journal.last else {
      Issue.record("something was written after the fence: \(String(describing: world.journal.last))")
      return
    }
  }

  @Test func aWrongVersionWithRollbackIsRolledBack() throws {
    var world = MachineWorld()
    world.command = { kind, server, _, pool in
      if kind == .apply, let server { pool.change(.install(server, version: "1.5")) }
      if kind == .rollback, let server { pool.change(.install(server, version: "1.0")) }
      return nil
    }
    let settings = MachineWorld.settings {
      $0.commands.append(CommandEntry(.rollback, CommandPolicy(timeout: .seconds(60))))
    }
    world.run(try world.plan(), settings)
    #expect(world.violations == [])
    #expect(try world.pool.fabricState().isHealthy)
    #expect(try world.pool.fabricState().servers.allSatisfy { $0.version == "1.0" })
    guard case .returned(let why)? = world.state?.lanes.first?.outcome else {
      Issue.record("\(String(describing: world.state?.lanes.first))")
      return
    }
    #expect(why == "it runs 1.5, not 2.0")
  }

  @Test func aPatchWithoutEffectIsTold() throws {
    var world = MachineWorld()
    world.command = { _, _, _, _ in nil }
    world.run(try world.plan())
    #expect(world.violations == [])
    #expect(world.state?.exitCode == .stopped)
    #expect(try world.pool.fabricState().isHealthy)
    #expect(world.state?.lanes.first?.outcome.why == "the patch had no effect: it runs 1.0, not 2.0")
  }

  @Test func hooksAndStagesRunInOrder() throws {
    var world = MachineWorld()
    let all: [CommandKind] = [.beforeRun, .stage, .beforeServer, .apply, .verify, .afterServer, .afterRun]
    let settings = MachineWorld.settings {
      $0.commands = all.map { CommandEntry($0, CommandPolicy(timeout: .seconds(60))) }
    }
    world.run(try world.plan(.patch, [fe1]), settings)
    #expect(world.violations == [])
    #expect(world.state?.exitCode == .done)
    let commands = world.transcript.filter { line in all.contains { line.hasPrefix("> \($0.rawValue) ") } }
    #expect(
      commands == [
        "> before-run run #1", "> stage fe1 #2", "> before-server fe1 #3", "> apply fe1 #8",
        "> verify fe1 #11",
        "> after-server fe1 #14", "> after-run run #16",
      ]
    )
  }

  @Test func abortBringsBackWhatIsOut() throws {
    var world = MachineWorld()
    world.run(try world.plan(), crash: .afterActs(11))
    #expect(!world.pool.notServing.isEmpty)
    let state = try RunMachine.replay(world.journal)
    world.generation += 1
    let (resumed, first) = RunMachine.resume(state, by: world.coordinator, at: world.time.now)
    let asked = MachineEvent.abortAsked(by: "bob@desk", reason: "enough")
    let (next, more) = RunMachine.step(resumed, asked, at: world.time.now)
    var step = first
    step.records += more.records
    step.directives += more.directives
    world.carry(next, step, nil)
    #expect(world.violations == [])
    #expect(world.state?.outcome == .abandoned("given up by bob@desk: enough"))
    #expect(try world.pool.fabricState().isHealthy)
  }

  @Test func aSoakStartsAgainWhenThePoolIsNotWhole() throws {
    var world = MachineWorld()
    let settings = MachineWorld.settings { $0.soak = .seconds(60) }
    let began = world.time.now
    world.run(try world.plan(.patch, [fe1]), settings)
    #expect(world.violations == [])
    #expect(world.state?.exitCode == .done)
    #expect(world.time.now - began >= .seconds(60))
  }

  @Test func batchesTakeSeveralOutTogether() throws {
    var world = MachineWorld(servers: 9, groups: 9)
    world.mostOut = 4
    let plan = try world.plan(batches: true)
    #expect(plan.batches.count < 9)
    world.run(plan)
    #expect(world.violations == [])
    #expect(world.state?.exitCode == .done)
    #expect(try world.pool.fabricState().servers.allSatisfy { $0.version == "2.0" })
  }

  @Test func whatBecameOfTheClientsIsInTheReportAndSurvivesAResume() throws {
    var world = MachineWorld()
    world.run(try world.plan())
    var journal = world.journal
    let gate = try #require(
      journal.firstIndex { if case .entered(_, .lastGate, _, _) = $0 { true } else { false } }
    )
    guard case .entered(let server, _, _, _) = journal[gate] else { return }
    journal.insert(.drained(server, ClientTally(moved: 12, notMoved: 1)), at: gate + 1)
    let state = try RunMachine.replay(Array(journal[...(gate + 1)]))
    #expect(state.lane(server)?.clients == ClientTally(moved: 12, notMoved: 1))
    let entries = journal.enumerated().map { number, record in
      JournalEntry(number: number + 1, at: PoolTime(milliseconds: 1), generation: 1, record: record)
    }
    let report = try RunReport(journal: entries)
    #expect(report.servers.first { $0.server == server }?.clients?.notMoved == 1)
    #expect(report.servers.filter { $0.clients != nil }.count == 1)
    journal.insert(.drained(ServerName("stranger"), ClientTally()), at: gate + 1)
    #expect(throws: JournalFault.self) { try RunMachine.replay(journal) }
  }

  @Test func aJournalThatCannotBeIsRefusedByRecord() throws {
    var world = MachineWorld()
    world.run(try world.plan())
    var journal = world.journal
    let stop = try #require(
      journal.firstIndex { if case .entered(_, .lastGate, _, _) = $0 { true } else { false } }
    )
    journal.remove(at: stop)
    do throws(JournalFault) {
      _ = try RunMachine.replay(journal)
      Issue.record("a journal without its gate was read")
    } catch { #expect(error.description.contains("is stopped without a gate")) }
  }
}
