import PatchRun
import PoolDriving
import PoolModel
import PoolTesting
import Testing

/// Stories of runs, pinned: what is written down, then (`>`) what is done.
@Suite struct TranscriptTests {
  private func expect(_ world: MachineWorld, _ story: String, _ place: SourceLocation = #_sourceLocation) {
    #expect(world.violations == [], sourceLocation: place)
    #expect(world.transcript.joined(separator: "\n") == story, sourceLocation: place)
  }

  /// fe1 runs the target already, so fe2 and fe3 are left.
  private func twoToDo() -> MachineWorld {
    let world = MachineWorld(servers: 3, groups: 3)
    world.pool.change(.install(ServerName("fe1"), version: "2.0"))
    world.pool.change(.kill(ServerName("fe1")))
    world.pool.change(.revive(ServerName("fe1")))
    return world
  }

  @Test func patchesOneOfThree() throws {
    var world = twoToDo()
    world.run(try world.plan(.patch, [ServerName("fe1"), ServerName("fe3")]))
    expect(
      world,
      """
        stage running
        fe3 active
        fe3 gate #1
      > observe
        counted
        fe3 fail-over #2
      > failOver fe3 #2
        fe3 last-gate #3
      > observe
        fe3 stop #4
      > stop fe3 #4
        fe3 apply #5
      > apply fe3 #5
        fe3 start #6
      > start fe3 #6
        fe3 version #7
      > version fe3 #7
        fe3 runs 2.0
        fe3 fail-back #8
      > failBack fe3 #8
        fe3 settle #9
      > observe
        fe3 done
        stage evening(sequence: 10)
      > even #10
        evened 1
        stage counting
      > observe
        counted
        stage ended(PatchRun.RunOutcome.finished)
      """
    )
    #expect(world.state?.exitCode == .done)
  }

  @Test func aPatchThatFailsIsUndoneAndPauses() throws {
    var world = twoToDo()
    world.command = { _, _, _, _ in ActFailure(.failed, "exit code 3: no space left") }
    world.run(try world.plan(.patch, [ServerName("fe3")]))
    expect(
      world,
      """
        stage running
        fe3 active
        fe3 gate #1
      > observe
        counted
        fe3 fail-over #2
      > failOver fe3 #2
        fe3 last-gate #3
      > observe
        fe3 stop #4
      > stop fe3 #4
        fe3 apply #5
      > apply fe3 #5
        fe3 turned: patching: exit code 3: no space left
        fe3 start #6
      > start fe3 #6
        fe3 version #7
      > version fe3 #7
        fe3 runs 1.0
        fe3 fail-back #8
      > failBack fe3 #8
        fe3 settle #9
      > observe
        fe3 returned: patching: exit code 3: no space left
        halting: fe3: patching: exit code 3: no space left
        stage paused("fe3: patching: exit code 3: no space left")
      > finish
      """.replacingFinish()
    )
    #expect(world.state?.exitCode == .stopped)
    #expect(try world.pool.fabricState().isHealthy)
  }

  @Test func quorumLossIsRefusedBeforeAnythingIsDone() throws {
    var world = MachineWorld(servers: 3, groups: 2)
    world.pool.change(.kill(ServerName("fe1")))
    world.pool.change(.kill(ServerName("fe2")))
    world.broken = [ServerName("fe1"), ServerName("fe2")]
    world.run(try world.plan())
    #expect(world.violations == [])
    guard case .refused(let objections)? = world.state?.outcome else {
      Issue.record("\(String(describing: world.state?.outcome))")
      return
    }
    #expect(
      objections.first?.sentence
        == "rg-0, rg-1 lost quorum; recover first: quorate reset POOL --type quorum-loss-recovery"
    )
    #expect(world.state?.exitCode == .refused)
    #expect(world.pool.performed.isEmpty)
  }

  @Test func aServerThatDoesNotStartIsQuarantined() throws {
    var world = twoToDo()
    world.pool.change(.starts(ServerName("fe3"), false))
    world.run(try world.plan(.patch, [ServerName("fe2"), ServerName("fe3")]))
    #expect(world.violations == [])
    let why = "starting: fe3 was started and is not seen in the fabric"
    #expect(world.state?.lane(ServerName("fe3"))?.outcome == .quarantined(why))
    #expect(world.state?.lane(ServerName("fe2"))?.outcome == .waiting)
    #expect(world.state?.outcome == .paused("fe3 stays out: \(why)"))
    // It is mended: the run goes on where it stopped, without a second patch of what is patched.
    world.pool.change(.starts(ServerName("fe3"), true))
    try world.resume()
    #expect(world.violations == [])
    #expect(world.state?.outcome == .finished)
    #expect(world.state?.exitCode == .done)
    #expect(try world.pool.fabricState().servers.allSatisfy { $0.version == "2.0" })
  }

  @Test func withinTheBudgetTheRunGoesOn() throws {
    var world = MachineWorld(servers: 9, groups: 9)
    world.mostOut = 2
    let plan = try world.plan()
    let bad = plan.servers[0]
    world.pool.change(.starts(bad, false))
    let began = world.time.now
    world.run(plan, MachineWorld.settings { $0.maxFailed = 1 })
    #expect(world.violations == [])
    #expect(world.state?.quarantined == [bad])
    #expect(world.state?.exitCode == .stopped)
    // The next server that shares a group with the bad one is not waited for in vain.
    #expect(world.time.now - began < .seconds(60))
    let state = try world.pool.fabricState()
    #expect(state.groupsInQuorumLoss.isEmpty)
    #expect(state.groups.allSatisfy { $0.replicas.count { $0.eligible } >= 2 })
  }
}

extension String {
  /// The world ends with the last record; `finish` is not performed.
  fileprivate func replacingFinish() -> String {
    split(separator: "\n").filter { $0 != "> finish" }.joined(separator: "\n")
  }
}
