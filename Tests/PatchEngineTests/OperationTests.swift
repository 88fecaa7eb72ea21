import FabricStore
import PatchEngine
import PatchRun
import PoolDriving
import PoolModel
import PoolTesting
import Testing

@Suite(.timeLimit(.minutes(5))) struct OperationTests {
  let fe1 = ServerName("fe1")
  let fe2 = ServerName("fe2")

  @Test func failOverAndFailBack() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let out = try await world.engine().failOver(fe1, progress: world.progress)
    #expect(out.exitCode == .done)
    var state = try world.pool.fabricState()
    #expect(state.server(fe1)?.isUp == false)
    guard case .out(let mark)? = state.server(fe1)?.service else {
      Issue.record("fe1 is not out")
      return
    }
    #expect(mark.by == "ann@ops")
    // Another server may not go now.
    let refused = try await world.engine(by: "bob@ops").failOver(fe2, progress: world.progress)
    #expect(refused.exitCode == .refused)
    guard case .refused(let objections) = refused.outcome else {
      Issue.record("\(refused.outcome)")
      return
    }
    #expect(objections.contains { $0.gate == .noOtherMaintenance && $0.sentence.contains("ann@ops") })
    let back = try await world.engine().failBack(fe1, progress: world.progress)
    #expect(back.exitCode == .done)
    state = try world.pool.fabricState()
    #expect(state.isHealthy)
  }

  @Test func forceIsRecorded() async throws {
    let world = try EngineWorld(servers: 1, groups: 2)
    defer { world.clean() }
    let refused = try await world.engine().failOver(fe1, progress: world.progress)
    #expect(refused.exitCode == .refused)
    let forced = try await world.engine()
      .failOver(fe1, FailOverOptions(force: "the machine burns"), progress: world.progress)
    #expect(forced.exitCode == .done)
    #expect(forced.forced.first?.reason == "the machine burns")
    #expect(forced.forced.first?.objections.isEmpty == false)
    let audit = try await world.fabric.client().readAll(.prefix("audit/"))
    #expect(audit.entries.count == forced.forced.count)
  }

  @Test func waitsAndGivesUp() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    world.pool.change(.kill(fe2))
    let report = try await world.engine()
      .failOver(fe1, FailOverOptions(waitTime: .milliseconds(300)), progress: world.progress)
    #expect(report.exitCode == .stopped)
    #expect(report.servers.first?.steps.first?.waits.contains { $0.contains("fe2 is down") } == true)
    #expect(world.pool.performed.isEmpty)
    #expect(world.news.all.contains { $0.kind == .waiting })
  }

  @Test func noStopLeavesTheProcess() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let report = try await world.engine().failOver(
      fe1,
      FailOverOptions(noStop: true),
      progress: world.progress
    )
    #expect(report.exitCode == .done)
    #expect(try world.pool.fabricState().server(fe1)?.isUp == true)
  }

  @Test func restartsOneByOne() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let report = try await world.engine().restartOneByOne(progress: world.progress)
    #expect(report.exitCode == .done)
    #expect(world.pool.performed.filter { $0.verb == "stop" }.count == 3)
    #expect(try world.pool.fabricState().isHealthy)
  }

  @Test func recovers() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    world.pool.change(.kill(fe1))
    world.pool.change(.kill(fe2))
    let forecast = try await world.engine().recover(RecoverOptions(whatIf: true), progress: world.progress)
    #expect(forecast.remarks.last == "12 replicas on fe1, fe2 would be declared lost")
    let report = try await world.engine().recover(progress: world.progress)
    #expect(report.exitCode == .done)
    #expect(report.recovery?.groups.count == 6)
    #expect(report.recovery?.approvedBy == "ann@ops")
  }

  @Test func anUnknownServerIsAUsageError() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    await #expect(throws: PatchEngineError.self) {
      try await world.engine().failOver(ServerName("nobody"), progress: world.progress)
    }
    do throws(PatchEngineError) {
      _ = try await world.engine().patch(
        PatchOptions(servers: [ServerName("nobody")]),
        progress: world.progress
      )
    } catch { #expect(error.exitCode == .usage) }
  }
}
