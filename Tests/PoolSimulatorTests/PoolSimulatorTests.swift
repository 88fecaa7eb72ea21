import Glibc
import Testing

@testable import PoolSimulator

/// Histories per test run: `QUORATE_SIM_RUNS`, or few enough for a debug build.
private let runs: UInt64 = getenv("QUORATE_SIM_RUNS").flatMap { UInt64(String(cString: $0)) } ?? 60

@Suite("Pool simulator")
struct PoolSimulatorTests {
  private func play(_ seed: UInt64, _ weakness: Weakness? = nil) -> History {
    var simulation = PoolSimulation(seed: seed, weakness: weakness)
    return simulation.play()
  }

  @Test("no history breaks a promise, and each comes to its end")
  func everyHistoryIsSafe() {
    for seed in 1...runs { #expect(play(seed).violation == nil, "seed \(seed)") }
  }

  @Test("seeds that found something once find nothing now")
  func keptSeedsAreSafe() throws {
    let path = String(#filePath.split(separator: "Tests/PoolSimulatorTests", maxSplits: 1)[0])
    let seeds = try #require(SimulatorCommand.seeds(inFile: "\(path)Simulations/seeds.txt"))
    for seed in seeds { #expect(play(seed).violation == nil, "seed \(seed)") }
  }

  @Test("one seed is one history, to the last line of its trace")
  func aSeedIsAHistory() {
    for seed in UInt64(1)...5 {
      var first = PoolSimulation(seed: seed, traced: true)
      var second = PoolSimulation(seed: seed, traced: true)
      let (one, other) = (first.play(), second.play())
      #expect(one.fingerprint == other.fingerprint)
      #expect(!one.trace.isEmpty && one.trace == other.trace)
      // Looking on changes nothing.
      #expect(one.fingerprint == play(seed).fingerprint)
    }
    #expect(play(1).fingerprint != play(2).fingerprint)
  }

  @Test("every fault that is counted happens")
  func everyFaultHappens() {
    var faults = FaultCounts()
    for seed in UInt64(1)...400 {
      faults.add(play(seed).faults)
      if !faults.counts.contains(0) { break }
    }
    for fault in Fault.allCases { #expect(faults.counts[fault.rawValue] > 0, "\(fault.sentence)") }
  }

  /// Those that are noticed within few runs; Benchmarks/engine-sim.sh switches off all of them in turn.
  @Test(
    "a gate or fence that is switched off is noticed",
    arguments: [
      Weakness.partitionQuorum, .seedQuorum, .availability, .primarySwap, .reconfiguration, .inbuildReplica,
      .otherMaintenance, .capacity, .snapshotFresh, .window, .userGap, .journalFirst, .journalClaim,
      .commandLock, .processFence, .coordinatorDeadline, .bindingGeneration, .bindingRevision,
      .groupRevision, .serverDeadline,
    ]
  )
  func aWeaknessIsNoticed(_ weakness: Weakness) {
    let noticed = (UInt64(1)...400).contains { play($0, weakness).violation != nil }
    #expect(noticed, "\(weakness.rawValue)")
  }

  @Test(
    "bad arguments are refused",
    arguments: [["--seed"], ["--seed", "x"], ["--weaken", "no"], ["--servers", "0"], ["--what", "1"]]
  )
  func badArguments(_ arguments: [String]) {
    #expect(SimulatorCommand.run(arguments) == 2)
  }

  @Test("what happens goes by its time, and at one time by when it was asked for")
  func happeningsAreInOrder() {
    var queue = HappeningQueue()
    var random = SeededRandom(seed: 5)
    var expected: [(at: Int, number: Int)] = []
    var came: [(at: Int, number: Int)] = []
    func take() {
      guard let (at, happening) = queue.pop(until: .max) else { return }
      guard case .boot(let number, _) = happening else {
        Issue.record("another happening than was put in")
        return
      }
      came.append((at, number))
    }
    for number in 0..<500 {
      // Later than all that has come, so that taking some in between changes no order.
      let at = (came.last?.at ?? 0) + random.int(0, 40)
      queue.add(.boot(number, number: 0), at: at)
      expected.append((at, number))
      if number % 3 == 0 { take() }
    }
    for _ in 0..<500 { take() }
    expected.sort { $0 < $1 }
    #expect(came.count == 500)
    #expect(came.map(\.at) == expected.map(\.at))
    #expect(came.map(\.number) == expected.map(\.number))
    let isEmpty = queue.pop(until: .max) == nil
    #expect(isEmpty)
  }
}
