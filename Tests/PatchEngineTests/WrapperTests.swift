import Foundation
import PoolModel
import Synchronization
import Testing

@testable import PatchEngine

/// The wrapper that fences acts on their target.
@Suite(.timeLimit(.minutes(5))) struct WrapperTests {
  let directory = NSTemporaryDirectory() + "quorate-wrapper-" + UUID().uuidString

  private func process(_ line: String, generation: UInt64, timeout: Duration = .seconds(20)) -> ShellProcess {
    ShellProcess(
      script: Wrapper.script,
      arguments: [line],
      environment: ["QUORATE_LOCK": directory + "/act", "QUORATE_GENERATION": "\(generation)"],
      timeout: timeout
    )
  }

  private func run(_ process: ShellProcess) async -> (ShellProcess.Ending, [String]) {
    let lines = Lines()
    let ending = await process.run { lines.add($0) }
    return (ending, lines.all)
  }

  /// Waits until the command that runs says so.
  private func begun() async throws {
    while !FileManager.default.fileExists(atPath: directory + "/begun") {
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  private func clean() { try? FileManager.default.removeItem(atPath: directory) }

  @Test func runsAndTellsTheExitCode() async {
    defer { clean() }
    let (ending, lines) = await run(process("echo hello; exit 7", generation: 3))
    #expect(ending == .exited(7))
    #expect(lines == ["hello"])
  }

  @Test func refusesALowerGeneration() async {
    defer { clean() }
    _ = await run(process("true", generation: 5))
    let (ending, lines) = await run(process("echo acted", generation: 4))
    #expect(ending == .exited(Wrapper.fencedCode))
    #expect(lines.contains { $0.contains(Wrapper.fencedMark) })
    #expect(!lines.contains("acted"))
    let (again, _) = await run(process("true", generation: 5))
    #expect(again == .exited(0))
  }

  @Test func aNewerActEndsAnOlderOneThatStillRuns() async throws {
    defer { clean() }
    let line = "touch \(directory)/begun; sleep 300; echo old > \(directory)/old"
    let old = Task { await run(process(line, generation: 5, timeout: .seconds(300))) }
    try await begun()
    let (ending, _) = await run(process("echo new > \(directory)/new", generation: 6))
    #expect(ending == .exited(0))
    let (oldEnding, _) = await old.value
    #expect(oldEnding == .signaled(9))
    #expect(!FileManager.default.fileExists(atPath: directory + "/old"))
  }

  @Test func anOlderActDoesNotEndANewerOne() async throws {
    defer { clean() }
    let new = Task { await run(process("touch \(directory)/begun; sleep 2; echo new", generation: 6)) }
    try await begun()
    let (ending, _) = await run(process("true", generation: 5))
    #expect(ending == .exited(Wrapper.fencedCode))
    #expect(await new.value.0 == .exited(0))
  }

  @Test func aDaemonThatIsLeftBehindHoldsNobodyUp() async throws {
    defer { clean() }
    let began = ContinuousClock.now
    let (ending, lines) = await run(process("sleep 30 & echo started", generation: 5))
    #expect(ending == .exited(0))
    #expect(lines == ["started"])
    let (next, _) = await run(process("true", generation: 6))
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
