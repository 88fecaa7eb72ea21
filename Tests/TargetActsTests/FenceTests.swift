import Foundation
import PoolModel
import Synchronization
import TargetActs
import Testing

/// The fence that acts go through on their target.
@Suite(.timeLimit(.minutes(5))) struct FenceTests {
  let directory = NSTemporaryDirectory() + "quorate-wrapper-" + UUID().uuidString

  private func command(_ line: String, generation: UInt64, timeout: Duration = .seconds(20)) -> TargetCommand
  {
    let act = ActIdentity(run: "run", sequence: 1, generation: generation)
    let fence = TargetFence(in: directory, pool: PoolName("p"), server: ServerName("fe1"), act: act)
    return TargetCommand(line, timeout: timeout, fence: fence)
  }

  private func run(_ command: TargetCommand) async -> (ActEnding, [String]) {
    let lines = Lines()
    let ending = await command.run { lines.add($0) }
    return (ending, lines.all)
  }

  /// Waits until the command that runs says so.
  private func begun() async throws {
    while !FileManager.default.fileExists(atPath: directory + "/begun") {
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  private func isFenced(_ ending: ActEnding) -> Bool {
    if case .fenced = ending { true } else { false }
  }

  private func clean() { try? FileManager.default.removeItem(atPath: directory) }

  @Test func runsAndTellsTheExitCode() async {
    defer { clean() }
    let (ending, lines) = await run(command("echo hello; exit 7", generation: 3))
    #expect(ending == .exited(7))
    #expect(lines == ["hello"])
  }

  @Test func refusesALowerGeneration() async {
    defer { clean() }
    _ = await run(command("true", generation: 5))
    let (ending, lines) = await run(command("echo acted", generation: 4))
    #expect(isFenced(ending))
    #expect(!lines.contains("acted"))
    let (again, _) = await run(command("true", generation: 5))
    #expect(again == .exited(0))
  }

  @Test func aNewerActEndsAnOlderOneThatStillRuns() async throws {
    defer { clean() }
    let line = "touch \(directory)/begun; sleep 300; echo old > \(directory)/old"
    let old = Task { await run(command(line, generation: 5, timeout: .seconds(300))) }
    try await begun()
    let (ending, _) = await run(command("echo new > \(directory)/new", generation: 6))
    #expect(ending == .exited(0))
    let (oldEnding, _) = await old.value
    #expect(oldEnding == .signaled(9))
    #expect(!FileManager.default.fileExists(atPath: directory + "/old"))
  }

  @Test func anOlderActDoesNotEndANewerOne() async throws {
    defer { clean() }
    let new = Task { await run(command("touch \(directory)/begun; sleep 2; echo new", generation: 6)) }
    try await begun()
    let (ending, _) = await run(command("true", generation: 5))
    #expect(isFenced(ending))
    #expect(await new.value.0 == .exited(0))
  }

  @Test func aDaemonThatIsLeftBehindHoldsNobodyUp() async throws {
    defer { clean() }
    let began = ContinuousClock.now
    let (ending, lines) = await run(command("sleep 30 & echo started", generation: 5))
    #expect(ending == .exited(0))
    #expect(lines == ["started"])
    let (next, _) = await run(command("true", generation: 6))
    #expect(next == .exited(0))
    #expect(ContinuousClock.now - began < .seconds(12))
  }
}

/// Lines from several tasks.
final class Lines: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }
  func add(_ line: String) { lines.withLock { $0.append(line) } }
}
