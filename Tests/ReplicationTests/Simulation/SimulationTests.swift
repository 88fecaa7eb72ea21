import Testing

/// How many histories a test run goes through; the environment may ask for more.
@Suite struct SimulationTests {
  static let runs: Int = simulationRuns

  @Test func `no history breaks a promise`() {
    var failures: [String] = []
    for seed in 0..<UInt64(Self.runs) {
      var simulation = PoolSimulation(seed: seed, servers: 2 + Int(seed % 4), groups: 4 + Int(seed % 5))
      simulation.run()
      if let violation = simulation.violations.first { failures.append("seed \(seed): \(violation)") }
      if failures.count > 9 { break }
    }
    #expect(failures == [])
  }

  @Test(arguments: Breakage.allCases) func `each broken fence is noticed`(_ broken: Breakage) {
    // From a seed that was seen to notice it; others do too, with more patience.
    let first: UInt64 = broken == .neitherHoldNorWatch ? 74 : broken == .offerForgotten ? 62 : 0
    for seed in first..<(first + 600) {
      var simulation = PoolSimulation(seed: seed, servers: 3, groups: 6, broken: broken)
      simulation.run()
      if !simulation.violations.isEmpty { return }
    }
    Issue.record("\(broken) went unnoticed")
  }
}
