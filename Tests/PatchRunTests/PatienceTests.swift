import PatchRun
import PoolModel
import PoolTesting
import Synchronization
import Testing

/// What a run waits for, and what it does not wait for.
@Suite struct PatienceTests {
  let fe1 = ServerName("fe1")

  private func isTooShort(_ objection: Objection) -> Bool {
    if case .windowsTooShort = objection.reason { true } else { false }
  }

  @Test func windowsThatAreAllTooShortAreRefusedAtOnce() throws {
    var world = MachineWorld()
    world.seen = { observation, _ in
      (observation.windowLeft, observation.windowLongest) = (.seconds(100), .seconds(200))
    }
    world.run(try world.plan())
    guard case .refused(let objections) = world.state?.outcome else {
      Issue.record("it was not refused: \(String(describing: world.state?.outcome))")
      return
    }
    #expect(objections.contains(where: isTooShort))
    #expect(
      objections.first?.sentence
        == "no maintenance window is long enough: a server may be out for 5 min, the longest window is 3 min 20 s"
    )
    #expect(world.state?.exitCode == .refused)
  }

  /// Simulator seeds 1378 and 2085: a server took longer than any window, and the run waited for ever.
  @Test func aServerThatTookLongerThanAnyWindowPausesTheRun() throws {
    var world = MachineWorld()
    let time = world.time
    world.meanwhile = { directive, _ in
      if case .command(.apply, _, _, _, _) = directive { time.pass(.seconds(400)) }
    }
    world.seen = { observation, _ in
      (observation.windowLeft, observation.windowLongest) = (.seconds(330), .seconds(330))
    }
    world.run(try world.plan())
    #expect(world.violations == [])
    guard case .paused(let why) = world.state?.stage else {
      Issue.record("it did not pause: \(String(describing: world.state?.stage))")
      return
    }
    #expect(why.contains("no maintenance window is long enough"))
    #expect(world.state?.exitCode == .stopped)
    #expect(try world.pool.fabricState().isHealthy)
  }

  /// The times that a run with this wait time gives its starts.
  private func startTimes(waitTime: Duration) throws -> Set<Duration> {
    var world = MachineWorld()
    let seen = Mutex<Set<Duration>>([])
    world.meanwhile = { directive, _ in
      if case .start(_, _, let within) = directive { _ = seen.withLock { $0.insert(within) } }
    }
    world.run(try world.plan(), MachineWorld.settings { $0.waitTime = waitTime })
    return seen.withLock { $0 }
  }

  @Test func aStartGetsNoMoreThanTheWaitTime() throws {
    #expect(try startTimes(waitTime: .seconds(30)) == [.seconds(30)])
    #expect(try startTimes(waitTime: .seconds(3_600)) == [.seconds(120)])
  }

  /// Every lease of a stalled machine runs out together: the groups are down for the moment.
  private func stall(_ world: inout MachineWorld, for length: Duration) {
    var since: Instant?
    let pool = world.pool
    world.seen = { observation, now in
      guard pool.performed.contains(where: { $0.verb == "start" }) else { return }
      let first = since ?? now
      since = first
      guard now - first < length else { return }
      for index in observation.state.groups.indices { observation.state.groups[index].health = .quorumLoss }
    }
  }

  @Test func aLossOfAMomentIsWaitedFor() throws {
    var world = MachineWorld()
    stall(&world, for: .seconds(3))
    world.run(try world.plan(), MachineWorld.settings { $0.gates.lossGrace = .seconds(4) })
    #expect(world.violations == [])
    #expect(world.state?.exitCode == .done)
    #expect(
      world.journal.contains {
        if case .waited(_, let why) = $0 { "\(why)".contains("quorum") } else { false }
      }
    )
  }

  @Test func aLossThatStaysPausesTheRun() throws {
    var world = MachineWorld()
    stall(&world, for: .seconds(3_000))
    let began = world.time.now
    world.run(try world.plan(), MachineWorld.settings { $0.gates.lossGrace = .seconds(4) })
    #expect(world.violations == [])
    guard case .paused(let why) = world.state?.stage else {
      Issue.record("it did not pause: \(String(describing: world.state?.stage))")
      return
    }
    #expect(why.contains("lost quorum"))
    #expect(world.time.now - began < .seconds(60))
  }

  @Test func aRecoveryIsNotDoneForALossOfAMoment() throws {
    var world = MachineWorld()
    world.seen = { observation, now in
      guard now.nanoseconds < 2_000_000_000 else { return }
      for index in observation.state.groups.indices { observation.state.groups[index].health = .quorumLoss }
    }
    let settings = MachineWorld.settings {
      $0.gates.lossGrace = .seconds(4)
      $0.recoverApproved = "bob@ops"
    }
    world.run(try world.plan(), settings)
    #expect(world.state?.exitCode == .done)
    #expect(!world.pool.performed.contains { $0.verb == "recover" })
  }

  /// Simulator seed 75854: what a server met after the run was halting already was lost.
  @Test func everyReasonOfAHaltIsKept() throws {
    var world = MachineWorld()
    let first = try RunMachine.replay([
      .planned(run: "run", plan: world.plan(), settings: MachineWorld.settings()),
      .stage(.running), .server(fe1, .active), .entered(fe1, .failOver, sequence: 1, epoch: 1),
      .entered(fe1, .settle, sequence: 2, epoch: nil),
      .halting("paused by bob@ops: lunch"),
    ])
    world.seen = { observation, _ in
      observation.state.servers[0].isUp = false
    }
    let (next, step) = RunMachine.resume(first, by: world.coordinator, at: world.time.now)
    world.carry(next, step, nil)
    guard case .paused(let why) = world.state?.stage else {
      Issue.record("it did not pause: \(String(describing: world.state?.stage))")
      return
    }
    #expect(why.contains("paused by bob@ops: lunch; fe1 did not settle"))
  }
}
