import PatchRun
import PoolModel

/// What a seed sets up: the pool, the run's settings, and which faults there are.
struct Scenario {
  enum Crash { case beforeWrite, beforeActs, afterActs }

  var groups: Int
  var serversNeeded: Int?
  var batches: Bool
  var settings: RunSettings
  /// Members of the store's own quorum stand on the first three servers.
  var hasSeeds: Bool
  var hasWindows: Bool
  var windowShift: Int
  var probes: Bool
  /// Mean milliseconds between faults; `nil` for a history without.
  var faultPause: Int?
  var faultsUntil: Int
  /// The coordinator crashes when the journal has so many records.
  var crashes: [(records: Int, Crash)]
  var rivals: Bool

  init(_ random: inout SeededRandom) {
    groups = random.int(1, 3)
    serversNeeded = random.chance(20) ? 4 : nil
    batches = random.chance(20)
    hasSeeds = random.chance(25)
    hasWindows = random.chance(15)
    windowShift = random.int(44_000, 64_000)
    probes = random.chance(15)
    let isCalm = random.chance(10)
    faultPause = isCalm ? nil : random.int(150, 1_500)
    faultsUntil = isCalm ? 0 : random.int(2_000, 9_000)
    crashes = []
    rivals = random.chance(25)
    settings = RunSettings(
      by: "ann@ops",
      waitTime: .seconds(20),
      drainTime: .milliseconds(100),
      commands: [CommandEntry(.apply, CommandPolicy(timeout: .seconds(4), retries: 1))]
    )
    settings.actTime = .seconds(6)
    settings.lastGatePatience = .seconds(4)
    settings.maxFailed = random.chance(40) ? random.int(1, 2) : 0
    settings.soak = random.chance(10) ? .milliseconds(300) : .zero
    settings.gates.floor = random.chance(10) ? .quoratePlusOne : .quorate
    settings.gates.capacity = random.chance(15) ? random.int(1, 3) : nil
    settings.serverTime = .seconds(3)
    if random.chance(30) { settings.recoverApproved = "bob@ops" }
    if random.chance(40) {
      settings.commands.append(CommandEntry(.rollback, CommandPolicy(timeout: .seconds(4))))
    }
    if random.chance(20) {
      settings.commands.append(CommandEntry(.verify, CommandPolicy(timeout: .seconds(4))))
    }
    if probes { settings.maxGap = .seconds(1) }
    if hasWindows { settings.windows = ["simulated"] }
    guard !isCalm else { return }
    for _ in 0..<random.int(0, 3) {
      let crash: Crash = [.beforeWrite, .beforeActs, .afterActs][random.int(0, 2)]
      crashes.append((random.int(1, 70), crash))
    }
    crashes.sort { $0.records < $1.records }
  }
}
