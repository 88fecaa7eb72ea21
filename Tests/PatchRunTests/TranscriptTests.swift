import PatchRun
import PoolModel
import PoolTesting
import Testing

/// The story of a run, pinned.
@Suite struct TranscriptTests {
  @Test func aWholePatchOfTwoOfThree() throws {
    var world = MachineWorld(servers: 3, groups: 3)
    world.pool.change(.install(ServerName("fe1"), version: "2.0"))
    world.pool.change(.kill(ServerName("fe1")))
    world.pool.change(.revive(ServerName("fe1")))
    world.run(try world.plan())
    #expect(world.violations == [])
    print(world.transcript.joined(separator: "\n"))
    #expect(world.state?.exitCode == .done)
  }
}
