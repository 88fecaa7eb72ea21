import Foundation
import Logging
import PatchRun
import PoolDriving
import PoolModel
import PoolTesting
import Testing

@testable import PatchEngine

@Suite(.timeLimit(.minutes(5))) struct PlanTests {
  @Test func aPlanFromAFileIsExecutedExactly() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    var plan = try await world.engine().plan()
    plan.batches.reverse()
    let data = try JSONEncoder().encode(plan)
    let read = try JSONDecoder().decode(PatchPlan.self, from: data)
    #expect(read == plan)
    let report = try await world.engine().patch(PatchOptions(plan: read), progress: world.progress)
    #expect(report.exitCode == .done)
    let stops = world.pool.performed.filter { $0.verb == "stop" }.compactMap(\.server)
    #expect(stops == plan.servers)
  }

  @Test func aPlanOfAnotherPoolOrAChangedOneIsRefused() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    var plan = try await world.engine().plan()
    let fingerprint = plan.fingerprint
    plan.fingerprint = "0000000000000000"
    await expect(.planStale, .refused) {
      try await world.engine().patch(PatchOptions(plan: plan), progress: world.progress)
    }
    plan.fingerprint = fingerprint
    plan.pool = PoolName("other")
    await expect(.invalid, .usage) {
      try await world.engine().patch(PatchOptions(plan: plan), progress: world.progress)
    }
    plan.pool = PoolName("test")
    plan.format = 9
    await expect(.invalid, .usage) {
      try await world.engine().patch(PatchOptions(plan: plan), progress: world.progress)
    }
    #expect(world.pool.performed.isEmpty)
  }

  private func expect(
    _ code: PatchEngineError.Code,
    _ exit: PatchRun.ExitCode,
    _ body: () async throws -> RunReport
  ) async {
    do {
      _ = try await body()
      Issue.record("nothing was thrown, wanted \(code)")
    } catch let error as PatchEngineError {
      #expect(error.code == code)
      #expect(error.exitCode == exit)
    } catch { Issue.record("\(error)") }
  }

  @Test func aWindowThatIsShutIsWaitedForAndABadOneIsRefused() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    await expect(.invalid, .usage) {
      try await world.engine().patch(PatchOptions(windows: ["whenever"]), progress: world.progress)
    }
    // The store's clock stands in January 2027, a Friday morning: this window is shut then.
    let options = PatchOptions(waitTime: .milliseconds(200), windows: ["Sun 03:00-04:00"])
    let run = Task { try await world.engine().patch(options, progress: world.progress) }
    try await world.news.arrival { $0.kind == .waiting }
    try await Task.sleep(for: .milliseconds(300))
    _ = try await world.engine(by: "bob@desk").pause(reason: "too long")
    let report = try await run.value
    #expect(world.pool.performed.isEmpty)
    #expect(report.servers.first?.steps.first?.waits == ["no maintenance window is open"])
  }

  @Test func badOutputOfTheVersionCommandTouchesNothing() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let step = world.step([.version: PatchStep.Command("echo '<html> 404 not found'", timeout: .seconds(5))])
    await expect(.badCommand, .badFile) { try await world.engine(step).patch(progress: world.progress) }
    #expect(world.pool.performed.isEmpty)
  }

  @Test func aVersionCommandDecides() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let step = world.step([
      .version: PatchStep.Command("cat version 2>/dev/null || echo 1.0", timeout: .seconds(5))
    ])
    let report = try await world.engine(step).patch(progress: world.progress)
    #expect(report.exitCode == .done)
    #expect(report.servers.map(\.before) == ["1.0", "1.0", "1.0"])
    #expect(report.servers.map(\.after) == ["2.0", "2.0", "2.0"])
  }

  @Test func aRebootIsProvenByTheBootID() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let step = world.step(
      apply: "echo $QUORATE_TARGET_VERSION > version; exit 194",
      [
        .reboot: PatchStep.Command("sleep 1.2 && date +%N > boot &", timeout: .seconds(10)),
        .bootID: PatchStep.Command("cat boot 2>/dev/null || echo first", timeout: .seconds(5)),
      ]
    )
    let report = try await world.engine(step)
      .patch(PatchOptions(servers: [ServerName("fe2")]), progress: world.progress)
    #expect(report.exitCode == .done)
    #expect(report.servers.first?.steps.contains { $0.phase == .reboot } == true)
    var own = step
    own.ownServer = ServerName("fe3")
    let refused = try await world.engine(own)
      .patch(PatchOptions(servers: [ServerName("fe3")]), progress: world.progress)
    #expect(refused.exitCode == .stopped)
    #expect(refused.servers.first?.outcome.why?.contains("is refused") == true)
    #expect(try world.pool.fabricState().isHealthy)
  }

  /// Neither this very machine nor one whose reboot could not be proven is rebooted.
  @Test(arguments: [
    ("cat /proc/sys/kernel/random/boot_id", "is refused"), ("", "there is no boot-id command"),
    ("exit 3", "tells no boot id"), ("echo", "tells no boot id"),
  ])
  func aRebootThatCannotBeProvenIsNotDone(_ bootID: String, _ why: String) async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    var commands: [CommandKind: PatchStep.Command] = [.reboot: .init("touch rebooted", timeout: .seconds(5))]
    if !bootID.isEmpty { commands[.bootID] = .init(bootID, timeout: .seconds(5)) }
    let step = world.step(apply: "echo $QUORATE_TARGET_VERSION > version; exit 194", commands)
    let report = try await world.engine(step)
      .patch(PatchOptions(servers: [ServerName("fe2")]), progress: world.progress)
    #expect(report.exitCode == .stopped)
    #expect(report.servers.first?.outcome.why?.contains(why) == true)
    #expect(!FileManager.default.fileExists(atPath: "\(world.directory)/fe2/rebooted"))
    #expect(try world.pool.fabricState().isHealthy)
  }

  @Test func windowsThatNoServerFitsInAreRefusedWhenPlanning() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    let options = PatchOptions(windows: ["daily 10:00-10:30"], serverTime: .seconds(3_600))
    for act in 0..<2 {
      do throws(PatchEngineError) {
        if act == 0 {
          _ = try await world.engine().plan(options)
        } else {
          _ = try await world.engine().patch(options, progress: world.progress)
        }
        Issue.record("a window of 30 min was taken for a server of an hour")
      } catch {
        #expect(error.exitCode == .refused)
        #expect(error.message.contains("a server may be out for 1 h, the longest window is 30 min"))
      }
    }
    #expect(world.pool.performed.isEmpty)
  }

  @Test func earlierRunsTellHowLongAPlanTakes() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    #expect(try await world.engine().plan().predicted == nil)
    let slow = world.step(apply: "sleep 1; echo $QUORATE_TARGET_VERSION > version")
    let first = try await world.engine(slow).patch(progress: world.progress)
    #expect(first.exitCode == .done)
    var next = world.step(apply: "echo 3.0 > version")
    next.target = "3.0"
    let plan = try await world.engine(next).plan(
      PatchOptions(soak: .seconds(2), canary: 1, canarySoak: .seconds(5))
    )
    let predicted = try #require(plan.predicted)
    #expect(predicted.runs == 1)
    // Three servers of a second each, a soak of five seconds after the first and of two after each other.
    #expect(predicted.duration > .seconds(12))
    #expect(predicted.duration < .seconds(60))
    let report = try await world.engine(next).patch(progress: world.progress)
    #expect(report.plan.predicted?.runs == 1)
    #expect(RunReportText.render(report).contains("as the last run took"))
    // A server is expected to be out for half as long again as it was.
    let settings = await world.engine(next).patchSettings(
      PatchOptions(),
      RunHistory.read(world.fabric.client())
    )
    #expect(settings.serverTime >= .milliseconds(1_500))
    #expect(settings.serverTime < .seconds(60))
  }

  /// A prober that sees one user cut off.
  struct Prober: UserProbing {
    let gap: Duration
    func probe(_ tell: @escaping @Sendable (ProbeSample) -> Void) async {
      let server = ServerName("fe1")
      tell(.init(group: RoutingGroupID(1), server: server, standing: .good, gap: .milliseconds(1)))
      tell(.init(group: RoutingGroupID(2), server: server, standing: .open, gap: gap / 2))
      tell(.init(group: RoutingGroupID(2), server: server, standing: .failed, gap: gap))
    }
  }

  @Test func aGapThatIsTooLongStopsTheRun() async throws {
    let world = try EngineWorld()
    defer { world.clean() }
    func engine(_ gap: Duration) -> PatchEngine {
      PatchEngine(
        driver: MemoryPoolDriver(world.pool) { verb, _ in
          if verb == "fabricState" { try? await Task.sleep(for: .milliseconds(50)) }
        },
        store: world.fabric.client(),
        step: world.step(),
        operator: "ann@ops",
        leaseTime: .seconds(30),
        prober: Prober(gap: gap),
        logger: .init(label: "test")
      )
    }
    let report = try await engine(.seconds(3)).patch(
      PatchOptions(maxGap: .seconds(1)),
      progress: world.progress
    )
    #expect(report.exitCode == .stopped)
    guard case .stopped(let why) = report.outcome else {
      Issue.record("it went on: \(report.outcome)")
      return
    }
    #expect(why == "a user was cut off for 3 s; 1 s is the limit (rg-2 at fe1)")
    #expect(report.probes?.requests == 2)
    #expect(report.probes?.failed == 1)
    #expect(report.probes?.group == RoutingGroupID(2))
    #expect(world.pool.performed.isEmpty)
  }
}
