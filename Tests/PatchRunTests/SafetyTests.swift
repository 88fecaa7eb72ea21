import PatchRun
import PoolModel
import PoolTesting
import Testing

/// The arithmetic of the gates, as a table.
@Suite struct SafetyTests {
  let fe1 = ServerName("fe1")
  let fe2 = ServerName("fe2")
  let fe3 = ServerName("fe3")
  static let now = PoolTime(milliseconds: 1_800_000_000_000)

  func pool(_ servers: Int, groups: Int = 6, _ changes: MemoryPoolChange...) throws -> FabricState {
    let pool = MemoryPool(servers: (1...servers).map { ServerName("fe\($0)") }, groups: groups) { Self.now }
    for change in changes { pool.change(change) }
    return try pool.fabricState()
  }

  func verdict(_ state: FabricState, _ settings: GateSettings = GateSettings(), at now: PoolTime = now)
    -> Verdict
  {
    Verdict(PatchSafety.objections(toStopping: ServerName("fe1"), in: state, at: now, settings: settings))
  }

  @Test func aHealthyPoolLetsAnyServerGo() throws {
    for servers in 3...7 {
      let state = try pool(servers)
      for server in state.servers {
        #expect(PatchSafety.objections(toStopping: server.name, in: state, at: Self.now).isEmpty)
      }
    }
  }

  @Test func oneServerIsNeverSpared() throws {
    guard case .fail(let objections) = verdict(try pool(1)) else {
      Issue.record("a pool of one let its server go")
      return
    }
    #expect(objections.map(\.sentence) == ["fe1 is the only server of the pool: to stop it is an outage"])
  }

  @Test func twoServersWarn() throws {
    #expect(verdict(try pool(2)).isGo)
    #expect(
      verdict(try pool(2)).objections.map(\.sentence) == [
        "the pool has two servers: fe2 serves alone meanwhile"
      ]
    )
    #expect(!verdict(try pool(2, groups: 6, .kill(fe2))).isGo)
  }

  @Test func aMissingReplicaIsNamed() throws {
    let state = try pool(3, groups: 4, .kill(fe2))
    guard case .wait(let objections) = verdict(state) else {
      Issue.record("\(verdict(state))")
      return
    }
    let sentences = objections.map(\.sentence)
    #expect(sentences.contains("rg-3 would keep 1 of 3 replicas; 2 are needed: fe2's replica is missing"))
    #expect(sentences.contains("fe2 is down: 4 replicas on it are missing"))
    #expect(objections.contains { $0.gate == .ensurePartitionQuorum })
    #expect(objections.contains { $0.gate == .ensureAvailability })
    #expect(objections.contains { $0.gate == .waitForInbuildReplica })
  }

  @Test func aReplicaBeingBuiltIsWaitedFor() throws {
    let state = try pool(3, groups: 1, .catchesUp(fe2, false), .kill(fe2), .revive(fe2))
    guard case .wait(let objections) = verdict(state) else {
      Issue.record("\(verdict(state))")
      return
    }
    #expect(objections.map(\.sentence).contains("1 replica on fe2 is being built"))
  }

  @Test func quorumLossBlocksEveryStop() throws {
    let state = try pool(5, groups: 5, .kill(fe2), .kill(fe3))
    for server in state.servers where server.isUp {
      let objections = PatchSafety.objections(toStopping: server.name, in: state, at: Self.now)
      guard case .fail = Verdict(objections) else {
        Issue.record("\(server.name) could go")
        return
      }
    }
  }

  @Test func somebodyElsesMaintenanceBlocks() throws {
    let mark = OutMark(
      by: "bob@desk",
      reason: "disk",
      since: Self.now,
      act: ActIdentity(run: "other", sequence: 1, generation: 1)
    )
    let state = try pool(5, groups: 5, .mark(fe3, .out(mark)))
    guard case .fail(let objections) = verdict(state) else {
      Issue.record("\(verdict(state))")
      return
    }
    #expect(
      objections.map(\.sentence) == [
        "fe3 is out since 2027-01-15 08:00:00Z, by bob@desk (disk); bring it back first: quorate failback fe3"
      ]
    )
    // The same mark is no objection to the run that made it; but what fe3 holds still does not count.
    let own = verdict(state, GateSettings(run: "other"))
    #expect(!own.objections.contains { $0.gate == .noOtherMaintenance })
  }

  @Test func anOldReadingIsNeverGo() throws {
    let state = try pool(3)
    #expect(verdict(state, at: Self.now + .seconds(4)).isGo)
    #expect(!verdict(state, at: Self.now + .seconds(6)).isGo)
    #expect(!verdict(state, at: Self.now + .seconds(-6)).isGo)
  }

  @Test func aSwapIsWaitedFor() throws {
    var state = try pool(3)
    state.groups[2].swappingTo = fe3
    #expect(verdict(state).objections.map(\.gate) == [.waitForPrimarySwap])
  }

  @Test func aGroupBetweenTwoPrimariesIsWaitedFor() throws {
    var state = try pool(5, groups: 5)
    state.groups[2].replicas[0].role = .activeSecondary
    #expect(verdict(state).objections.map(\.gate) == [.waitForReconfiguration])
  }

  @Test func theFloorQuoratePlusOneKeepsTwo() throws {
    let settings = GateSettings(floor: .quoratePlusOne)
    guard case .fail(let objections) = verdict(try pool(3), settings) else {
      Issue.record("three servers keep quorate-plus-one")
      return
    }
    #expect(objections.first?.sentence.contains("can never keep the floor quorate-plus-one") == true)
    #expect(verdict(try pool(5, groups: 5), settings).isGo)
  }

  @Test func capacityCountsWhatTheOthersWouldHold() throws {
    let state = try pool(3)
    #expect(verdict(state, GateSettings(capacity: 150)).isGo)
    #expect(verdict(state, GateSettings(capacity: 149)).objections.map(\.gate) == [.capacity])
  }

  @Test func theStoreKeepsItsMajority() throws {
    let state = try pool(3)
    func gates(_ seeds: [SeedMember]) -> [GateKind] {
      PatchSafety.objections(toStopping: fe1, in: state, at: Self.now, seeds: seeds).map(\.gate)
    }
    let three = ["a", "b", "c"].map { SeedMember(name: $0, isHealthy: true) }
    #expect(gates(three) == [])
    #expect(gates([three[0], three[1], SeedMember(name: "c", isHealthy: false)]) == [])
    let onServer = SeedMember(name: "a", isHealthy: true, server: fe1)
    #expect(gates([onServer, three[1], SeedMember(name: "c", isHealthy: false)]) == [.ensureSeedQuorum])
  }

  @Test func patienceRunsOut() throws {
    let state = try pool(3, groups: 6, .kill(fe2))
    let objections = PatchSafety.objections(toStopping: fe1, in: state, at: Self.now)
    let settings = GateSettings(patience: [.ensurePartitionQuorum: .seconds(60)])
    var memory = GateMemory()
    guard case .wait = memory.judge(objections, settings: settings, at: Self.now) else {
      Issue.record("not wait")
      return
    }
    guard case .fail(let failed) = memory.judge(objections, settings: settings, at: Self.now + .seconds(61))
    else {
      Issue.record("patience did not run out")
      return
    }
    #expect(failed.allSatisfy { $0.gate == .ensurePartitionQuorum && $0.since == Self.now })
  }

  @Test func aServerThatIsNotWholeIsNotCalledBack() throws {
    #expect(PatchSafety.objections(toCallingBack: fe1, in: try pool(3), at: Self.now).isEmpty)
    let down = try pool(3, groups: 6, .kill(fe1))
    #expect(!PatchSafety.objections(toCallingBack: fe1, in: down, at: Self.now).isEmpty)
    let behind = try pool(3, groups: 6, .catchesUp(fe1, false), .kill(fe1), .revive(fe1))
    #expect(
      PatchSafety.objections(toCallingBack: fe1, in: behind, at: Self.now).map(\.sentence) == [
        "fe1 is not back: 6 of its replicas are not caught up"
      ]
    )
  }
}
