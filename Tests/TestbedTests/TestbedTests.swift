import Foundation
import PoolDemo
import SIPClient
import Testing

/// A pool of five hosts on etcd, patched over ssh, while hosts, links, clocks and the store are treated badly. Root only.
@Suite(
  "Test bed",
  .serialized,
  .timeLimit(.minutes(15)),
  .enabled(if: Testbed.isPossible, "needs root: it makes network namespaces")
)
struct TestbedTests {
  /// Waits until what a command has printed holds a text.
  private func waitFor(_ text: String, in command: SpawnedCommand, within timeout: Duration = .seconds(180))
    async throws
  {
    let deadline = ContinuousClock.now + timeout
    while true {
      let printed = [command.outputPath, command.errorsPath].compactMap {
        try? String(contentsOfFile: $0, encoding: .utf8)
      }
      if printed.contains(where: { $0.contains(text) }) { return }
      guard ContinuousClock.now < deadline else {
        throw DemoError("waited \(timeout) for '\(text)' in:\n\(printed.joined(separator: "\n"))")
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  /// `quorate patch`, again while it pauses, until it is done.
  private func patchToTheEnd(_ bed: Testbed, on host: String = "op") async throws {
    var last = try await bed.quorate("patch", "--yes", on: host)
    for _ in 0..<4 where last.exitCode != 0 {
      #expect([69, 75, 77].contains(last.exitCode), "\(last.description)")
      try await Task.sleep(for: .seconds(3))
      last = try await bed.quorate("patch", "--yes", on: host)
    }
    #expect(last.exitCode == 0, "\(last.description)")
    let state = try #require(try await bed.seen(on: host))
    #expect(state.healthy && state.servers.allSatisfy { $0.version == Testbed.nextVersion })
  }

  @Test("A whole patch and the way back, with two versions side by side, loses nothing and fails nobody")
  func wholePatch() async throws {
    try await Testbed.with { bed in
      try await withUsers(of: bed) { client in
        for version in Testbed.isLong ? [Testbed.nextVersion, Testbed.version] : [Testbed.nextVersion] {
          let patch = try await bed.quorate("patch", "--yes", "--target", version)
          #expect(patch.exitCode == 0, "\(patch.description)")
          let state = try #require(try await bed.seen())
          #expect(state.healthy && state.servers.allSatisfy { $0.version == version }, "to \(version)")
        }
        let statistics = await client.expectNothingLost()
        #expect(statistics.failed == 0, "\(statistics.notable)")
      }
      try await expectStoreAgrees(bed)
    }
  }

  // A minute each: all of them with QUORATE_TESTBED_LONG=1.
  private static let cutSteps =
    Testbed.isLong
    ? ["moving services off", "stopping", "patching", "starting", "returning to service"]
    : ["moving services off", "patching"]

  @Test(
    "A host that is cut off in the middle of a step comes back, and the run is finished",
    arguments: cutSteps
  )
  func cutOff(step: String) async throws {
    try await Testbed.with { bed in
      try await withUsers(of: bed) { client in
        let patch = try bed.begin("patch", "--yes")
        try await waitFor("fe2  \(step)", in: patch)
        try await bed.must("cut", "h2")
        try await Task.sleep(for: .seconds(6))
        let during = try #require(try await bed.seen())
        #expect(during.servers.count { !$0.up || $0.service != "in-service" } == 1, "only fe2 may be out")
        try await bed.must("heal", "h2")
        let result = await patch.end(within: .seconds(300))
        #expect([0, 69, 75].contains(result.exitCode), "\(result.description)")
        try await patchToTheEnd(bed)
        _ = await client.expectNothingLost(step)
      }
      try await expectStoreAgrees(bed)
    }
  }

  @Test("The store's leader dies during a fail-over")
  func storeLeaderDies() async throws {
    try await Testbed.with { bed in
      try await withUsers(of: bed) { client in
        let patch = try bed.begin("patch", "--yes")
        try await waitFor("moving services off", in: patch)
        let leader = try await bed.storeLeader()
        try await bed.must("exec", leader, "pkill", "-9", "-x", "etcd")
        let result = await patch.end(within: .seconds(300))
        #expect([0, 69, 75].contains(result.exitCode), "\(result.description)")
        try await patchToTheEnd(bed)
        _ = await client.expectNothingLost()
      }
      try await expectStoreAgrees(bed)
    }
  }

  @Test("The operator's host is cut off; a second operator goes on with the run")
  func operatorCutOff() async throws {
    try await Testbed.with { bed in
      try await withUsers(of: bed) { client in
        let first = try bed.begin("patch", "--yes")
        try await waitFor("fe4  patching", in: first)
        try await bed.must("cut", "op")
        // The first coordinator's lease must run out before another may act.
        try await patchToTheEnd(bed, on: "ua")
        try await bed.must("heal", "op")
        let result = await first.end(within: .seconds(60))
        #expect(result.exitCode != 0, "the first operator's run was taken over: \(result.description)")
        _ = await client.expectNothingLost()
      }
      let after = try #require(try await bed.seen())
      #expect(after.healthy, "nothing was done by the operator who came back")
      try await expectStoreAgrees(bed)
    }
  }

  @Test("A partition of 2 and 3: the side with the store's majority serves all")
  func partition() async throws {
    try await Testbed.with { bed in
      try await withUsers(of: bed) { client in
        try await bed.must("split", "h4", "h5")
        try await bed.wait("the others to lead") { state in
          state.groups.allSatisfy { ["fe1", "fe2", "fe3"].contains($0.primary ?? "") }
        }
        let refused = try await bed.quorate("patch", "--yes", "--wait-time", "5s")
        #expect([75, 77].contains(refused.exitCode), "no server can be spared: \(refused.description)")
        try await bed.must("heal", "h4")
        try await bed.must("heal", "h5")
        try await bed.wait("the pool to be whole") { $0.healthy }
        try await patchToTheEnd(bed)
        _ = await client.expectNothingLost()
      }
      try await expectStoreAgrees(bed)
    }
  }

  @Test("A host whose clock is an hour off leads nothing, and is patched like the others")
  func clockSkew() async throws {
    try await Testbed.with { bed in
      try await withUsers(of: bed) { client in
        try await bed.must("skew", "h4", "3600")
        try await bed.wait("fe4 to lead nothing") { state in
          state.server("fe4")?.up == true && state.server("fe4")?.primaries == 0
            && state.groups.allSatisfy { $0.primary != nil }
        }
        let patch = try await bed.quorate("patch", "--yes", "--wait-time", "60s")
        #expect([0, 75, 77].contains(patch.exitCode), "\(patch.description)")
        _ = await client.expectNothingLost("while an hour off")
        try await bed.must("skew", "h4", "0")
        try await bed.wait("the pool to be whole") { $0.healthy }
        try await patchToTheEnd(bed)
      }
      try await expectStoreAgrees(bed)
    }
  }

  @Test("A patch that needs a reboot of each host, etcd members and all")
  func reboots() async throws {
    try await Testbed.with(withReboot: true) { bed in
      try await withUsers(of: bed) { client in
        let before = try bed.bootIDs()
        try await patchToTheEnd(bed)
        let after = try bed.bootIDs()
        #expect(zip(before, after).allSatisfy { $0 != $1 }, "\(before) \(after)")
        _ = await client.expectNothingLost()
      }
      try await expectStoreAgrees(bed)
    }
  }

  @Test("A server that is out stays out when its host reboots, until it is failed back")
  func outMarkSurvivesReboot() async throws {
    try await Testbed.with { bed in
      let out = try await bed.quorate("failover", "fe3", "--pool")
      #expect(out.exitCode == 0, "\(out.description)")
      try await bed.must("reboot", "h3")
      try await bed.wait("fe3 to run again") { $0.server("fe3")?.up == true }
      let state = try #require(try await bed.seen())
      #expect(state.server("fe3")?.service == "out" && state.server("fe3")?.primaries == 0)
      let back = try await bed.quorate("failback", "fe3", "--pool")
      #expect(back.exitCode == 0, "\(back.description)")
      try await bed.wait("the pool to be whole") { $0.healthy }
    }
  }
}
