import PatchEngine
import PatchRun
import PoolModel
import Testing

@testable import PatchCommands

/// How a run is shown while it goes on.
@Suite struct ProgressTests {
  private let start = SampleState.now

  private func event(
    _ kind: RunEvent.Kind,
    after seconds: Int64 = 0,
    server: String? = nil,
    phase: ServerPhase? = nil,
    _ message: String = "",
    done: Int? = nil,
    total: Int? = nil,
    objections: [Objection] = [],
    outcome: ServerOutcome? = nil,
    plan: PatchPlan? = nil
  ) -> RunEvent {
    RunEvent(
      at: start + .seconds(seconds),
      run: "r1",
      kind: kind,
      server: server.map { ServerName($0) },
      phase: phase,
      message: message,
      done: done,
      total: total,
      objections: objections,
      outcome: outcome,
      plan: plan
    )
  }

  private var plan: PatchPlan {
    PatchPlan(
      kind: .patch,
      pool: PoolName("demo"),
      target: "1.1.0",
      entries: ["fe1", "fe2"].map {
        PatchPlan.Entry(
          server: ServerName($0),
          upgradeDomain: UpgradeDomain($0),
          version: "1.0.0",
          primaries: 8
        )
      } + [
        PatchPlan.Entry(
          server: ServerName("fe3"),
          upgradeDomain: UpgradeDomain("fe3"),
          version: "1.1.0",
          primaries: 8,
          skip: "has 1.1.0"
        )
      ],
      batches: [[ServerName("fe1")], [ServerName("fe2")]],
      moves: .none,
      lowestRedundancy: 2,
      floor: .quorate,
      madeAt: start,
      fingerprint: "x"
    )
  }

  @Test func theTable() {
    var table = ProgressTable()
    table.apply(event(.began, "began", plan: plan))
    table.apply(event(.phase, after: 1, server: "fe1", phase: .failOver))
    table.apply(
      event(.progress, after: 2, server: "fe1", phase: .failOver, "5 primaries left", done: 3, total: 8)
    )
    #expect(
      table.lines(at: start + .seconds(5), width: 100) == [
        "patch of pool demo to 1.1.0, run r1",
        "SERVER  VERSION  STEP                 DONE  TIME  DETAIL",
        "fe1     1.0.0    moving services off  3/8    4 s  5 primaries left",
        "fe2     1.0.0    waiting",
        "fe3     1.1.0    skipped                          has 1.1.0",
        "began",
      ]
    )
    table.apply(event(.server, after: 9, server: "fe1", "now 1.1.0", outcome: .done))
    let lines = table.lines(at: start + .seconds(60), width: 30)
    #expect(lines[2] == "fe1     1.0.0    done         ")
  }

  @Test func lines() {
    let blocker = Objection(.ensureAvailability, .wait, .noPrimary(RoutingGroupID(3)))
    #expect(ProgressLine.text(event(.phase, server: "fe1", phase: .apply)) == "12:00:00 fe1  patching")
    #expect(
      ProgressLine.text(event(.progress, server: "fe1", "5 primaries left", done: 3, total: 8))
        == "12:00:00 fe1  5 primaries left (3 of 8)"
    )
    #expect(
      ProgressLine.text(event(.waiting, server: "fe1", objections: [blocker]))
        == "12:00:00 fe1  waiting: rg-3 has no primary at this moment"
    )
    #expect(ProgressLine.text(event(.output, server: "fe1", "ok")) == "12:00:00 fe1  | ok")
    #expect(
      ProgressLine.text(event(.server, server: "fe2", "gone", outcome: .quarantined("x")))
        == "12:00:00 fe2  quarantined: gone"
    )
    #expect(
      ProgressLine.text(event(.server, server: "fe2", "quarantined: gone", outcome: .quarantined("x")))
        == "12:00:00 fe2  quarantined: gone"
    )
    #expect(ProgressLine.text(event(.run, "evening out")) == "12:00:00 evening out")
  }
}
