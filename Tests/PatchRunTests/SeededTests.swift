import PatchRun
import PoolDriving
import PoolModel
import PoolTesting
import Synchronization
import Testing

/// One seed is one history: faults at random between all steps, safety at every step; then the faults end and the run has
/// to come to its end.
@Suite struct SeededTests {
  /// SplitMix64.
  final class Dice: Sendable {
    private let state: Mutex<UInt64>
    init(_ seed: UInt64) { state = Mutex(seed) }

    func next() -> UInt64 {
      state.withLock { state in
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
      }
    }

    func roll(_ sides: Int) -> Int { Int(next() % UInt64(sides)) }
    func one(in count: Int) -> Bool { roll(count) == 0 }
  }

  struct History {
    let seed: UInt64
    let dice: Dice
    var world: MachineWorld
    let settings: RunSettings

    init(_ seed: UInt64) {
      self.seed = seed
      dice = Dice(seed)
      world = MachineWorld(servers: 3 + Int(seed % 3), groups: 6)
      settings = MachineWorld.settings { settings in
        settings.waitTime = .seconds(60)
        settings.lastGatePatience = .seconds(10)
        if seed % 4 == 1 { settings.maxFailed = 1 }
        if seed % 3 == 1 {
          settings.commands.append(CommandEntry(.rollback, CommandPolicy(timeout: .seconds(9))))
        }
        if seed % 5 == 1 { settings.recoverApproved = "bob@ops" }
        if seed % 7 == 1 { settings.soak = .seconds(2) }
      }
    }
  }

  /// What may happen before a directive is performed.
  private static func fault(_ dice: Dice, _ pool: MemoryPool, _ servers: [ServerName]) {
    let server = servers[dice.roll(servers.count)]
    switch dice.roll(60) {
    case 0: pool.change(.kill(server))
    case 1, 2, 3: for server in servers { pool.change(.revive(server)) }
    case 4: pool.change(.raiseEpoch)
    case 5: pool.change(.hide(true))
    case 6, 7, 8: pool.change(.hide(false))
    case 9: pool.change(.starts(server, false))
    case 10, 11: for server in servers { pool.change(.starts(server, true)) }
    case 12: pool.change(.catchesUp(server, false))
    case 13, 14: for server in servers { pool.change(.catchesUp(server, true)) }
    case 15...19:
      let verbs = ["failOver", "stop", "start", "failBack", "even", "recover"]
      let codes: [PoolDriverError.Code] = [
        .unreachable, .timedOut, .epochChanged, .refused, .failed, .unsupported,
      ]
      let error = PoolDriverError(codes[dice.roll(codes.count)], "chance")
      pool.change(.fail(verb: verbs[dice.roll(verbs.count)], error))
    default: break
    }
  }

  private static func heal(_ pool: MemoryPool, _ servers: [ServerName]) {
    pool.change(.hide(false))
    for server in servers {
      pool.change(.starts(server, true))
      pool.change(.catchesUp(server, true))
      if case .inService? = pool.serviceOf(server) { pool.change(.revive(server)) }
    }
  }

  private func play(_ seed: UInt64) throws -> [String] {
    let history = History(seed)
    var world = history.world
    let dice = history.dice
    let servers = try world.pool.fabricState().servers.map(\.name)
    let isFaulty = Flag()
    world.mostOut = .max
    var marks: [String] = []
    let trouble = Mutex<[String]>([])
    world.meanwhile = { directive, pool in
      let ours = pool.markedBy("run").count
      if ours > 1 + history.settings.maxFailed {
        trouble.withLock { $0.append("\(ours) servers out by the run") }
      }
      if isFaulty.isUp { Self.fault(dice, pool, servers) }
    }
    world.command = { kind, server, _, pool in
      guard let server else { return nil }
      let isBad = isFaulty.isUp && dice.one(in: 8)
      switch kind {
      case .apply:
        if isBad { pool.change(.install(server, version: dice.one(in: 2) ? "1.5" : "1.0")) }
        if isBad, dice.one(in: 2) { return ActFailure(.failed, "chance") }
        if !isBad { pool.change(.install(server, version: "2.0")) }
      case .rollback: pool.change(.install(server, version: "1.0"))
      default: break
      }
      return nil
    }
    isFaulty.raise()
    let plan = try world.plan()
    world.run(plan, history.settings, crash: .afterActs(2 + dice.roll(40)))
    for round in 0..<6 where try !RunMachine.replay(world.journal).isEnded {
      if round == 4 {
        isFaulty.lower()
        Self.heal(world.pool, servers)
        world.pool.clearFailures()
      }
      let count = world.journal.count + 1 + dice.roll(30)
      try world.resume(crash: round >= 4 ? nil : dice.one(in: 2) ? .beforeActs(count) : .afterActs(count))
      marks.append("\(round)")
    }
    var problems = world.violations + trouble.withLock { $0 }
    let state = try RunMachine.replay(world.journal)
    switch state.outcome {
    case .finished where state.exitCode == .done:
      Self.heal(world.pool, servers)
      for server in try world.pool.fabricState().servers where server.version != "2.0" {
        problems.append("finished, but \(server.name) runs \(server.version ?? "nothing")")
      }
    case .finished, .refused, .stopped, .abandoned: break
    case .paused(let why): problems.append("paused in a healthy pool: \(why)")
    case .running, .whatIf: problems.append("the run is still at \(state.stage)")
    }
    return problems
  }

  @Test(arguments: 0..<24) func everyHistoryIsSafeAndEnds(_ block: Int) async throws {
    for seed in UInt64(block * 25)..<UInt64(block * 25 + 25) {
      let problems = try play(seed)
      #expect(problems == [], "seed \(seed)")
      // Others have deadlines: let them have their turn.
      await Task.yield()
    }
  }
}

/// A switch between tasks.
final class Flag: Sendable {
  private let value = Mutex(false)
  var isUp: Bool { value.withLock { $0 } }
  func raise() { value.withLock { $0 = true } }
  func lower() { value.withLock { $0 = false } }
}
