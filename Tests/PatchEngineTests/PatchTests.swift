import Foundation
import PatchEngine
import PatchRun
import PoolModel
import PoolTesting
import Testing

@Suite(.timeLimit(.minutes(5))) struct PatchTests {
  @Test func patchesTheWholePool() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let report = try await world.engine().patch(progress: world.progress)
    #expect(report.outcome == .finished)
    #expect(report.exitCode == .done)
    #expect(world.isPatched)
    #expect(report.servers.map(\.after) == ["2.0", "2.0", "2.0"])
    #expect(report.servers.allSatisfy { $0.outcome == .done })
    #expect(report.movesActual == report.plan.moves.expected + report.plan.moves.evening)
    #expect(report.movesActual == report.plan.moves.floor)
    #expect(world.news.all.first?.kind == .began)
    #expect(world.news.all.last?.kind == .ended)
    let text = RunReportText.render(report)
    #expect(text.contains("patch of pool test to 2.0: finished"))
    let shown = try await world.engine().show()
    #expect(shown == report)
    let runs = try await world.engine().runs()
    #expect(runs.map(\.run) == [report.run])
    #expect(runs.first?.isLive == false)
  }

  @Test func aSecondPatchHasNothingToDo() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    _ = try await world.engine().patch(progress: world.progress)
    let before = world.pool.performed.count
    let report = try await world.engine().patch(progress: world.progress)
    #expect(report.exitCode == .done)
    #expect(report.servers.allSatisfy { $0.outcome == .skipped("runs 2.0 already") })
    #expect(world.pool.performed.count == before)
  }

  @Test func whatIfOnlyReads() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let engine = world.engine { verb, _ in
      if verb != "fabricState" { Issue.record("what-if called \(verb)") }
    }
    let fe1 = ServerName("fe1")
    var reports: [RunReport] = []
    reports.append(try await engine.patch(PatchOptions(whatIf: true), progress: world.progress))
    reports.append(
      try await engine.failOver(
        fe1,
        FailOverOptions(force: "because", whatIf: true),
        progress: world.progress
      )
    )
    reports.append(try await engine.failBack(fe1, FailBackOptions(whatIf: true), progress: world.progress))
    reports.append(try await engine.recover(RecoverOptions(whatIf: true), progress: world.progress))
    reports.append(try await engine.restartOneByOne(RestartOptions(whatIf: true), progress: world.progress))
    #expect(reports.allSatisfy { $0.outcome == .whatIf && $0.exitCode == .done })
    #expect(world.pool.performed.isEmpty)
    #expect(try await engine.runs().isEmpty)
  }

  @Test func aPatchThatFailsLeavesThePoolAsItWas() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let report = try await world.engine(world.step(apply: "echo no space left; exit 3"))
      .patch(progress: world.progress)
    #expect(report.exitCode == .stopped)
    guard case .paused(let why) = report.outcome else {
      Issue.record("\(report.outcome)")
      return
    }
    #expect(why.contains("exit code 3: no space left"))
    #expect(try world.pool.fabricState().isHealthy)
    #expect(report.next == ["quorate patch test", "quorate runs abort test"])
    #expect(world.pool.performed.count { $0.verb == "stop" } == 1)
    // The cause is mended: the same command goes on and patches all.
    let later = try await world.engine().patch(progress: world.progress)
    #expect(later.run == report.run)
    #expect(later.outcome == .finished)
    #expect(world.isPatched)
  }

  @Test func aPatchThatHangsIsKilledWithItsChildren() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    var step = world.step()
    step.commands[.apply] = PatchStep.Command(
      "sleep 987 & echo $! > child; sleep 986",
      timeout: .milliseconds(500)
    )
    let began = ContinuousClock.now
    let report = try await world.engine(step).patch(progress: world.progress)
    #expect(ContinuousClock.now - began < .seconds(50))
    #expect(report.exitCode == .stopped)
    #expect(try world.pool.fabricState().isHealthy)
    let first = try #require(report.plan.servers.first)
    let child = try String(contentsOfFile: "\(world.directory)/\(first)/child", encoding: .utf8)
    let pid = try #require(Int32(child.trimmingCharacters(in: .whitespacesAndNewlines)))
    try await Task.sleep(for: .milliseconds(200))
    // Gone, or a zombie that waits for a lazy init.
    let status = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
    #expect(status.isEmpty || status.contains(") Z"))
  }

  @Test func outputAndLogAreKept() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let step = world.step(
      apply: "echo out $QUORATE_SERVER; echo err >&2; echo $QUORATE_TARGET_VERSION > version"
    )
    let report = try await world.engine(step).patch(progress: world.progress)
    let lines = world.news.all.filter { $0.kind == .output }.map(\.message)
    #expect(lines.contains("out fe1"))
    #expect(lines.contains("err"))
    let log = try String(contentsOfFile: "\(world.directory)/\(report.run).log", encoding: .utf8)
    #expect(log.contains("out fe3"))
  }

  @Test func quorumLossIsRefusedAndRecoveredWhenApproved() async throws {
    let world = try EngineWorld(servers: 5, groups: 10)
    defer { world.clean() }
    for server in ["fe1", "fe2"] { world.pool.change(.kill(ServerName(server))) }
    let refused = try await world.engine().patch(progress: world.progress)
    #expect(refused.exitCode == .refused)
    #expect(refused.next == ["quorate reset test --type quorum-loss-recovery"])
    #expect(world.pool.performed.isEmpty)
    // With approval the groups are recovered; then the run waits for the servers that are gone.
    let revive = Task {
      try await world.news.arrival { $0.message.hasPrefix("recovered") }
      for server in ["fe1", "fe2"] { world.pool.change(.revive(ServerName(server))) }
    }
    let report = try await world.engine().patch(
      PatchOptions(recoverApproved: "bob@ops"),
      progress: world.progress
    )
    try await revive.value
    #expect(report.recovery?.approvedBy == "bob@ops")
    #expect(report.recovery?.lostServers == [ServerName("fe1"), ServerName("fe2")])
    #expect(report.exitCode == .done)
    #expect(world.isPatched)
  }
}
