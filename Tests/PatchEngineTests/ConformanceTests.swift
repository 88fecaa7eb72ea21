import PoolDriving
import PoolModel
import PoolTesting
import Testing

@Suite struct MemoryPoolConformanceTests {
  @Test(arguments: PoolDrivingConformance.cases) func conforms(_ testCase: PoolDrivingConformance.Case)
    async throws
  {
    for servers in [3, 5] {
      let pool = MemoryPool(
        servers: (1...servers).map { ServerName("fe\($0)") },
        groups: 9,
        clock: { PoolTime(milliseconds: 1_800_000_000_000) }
      )
      try await testCase.run(PoolDrivingWorld(driver: MemoryPoolDriver(pool)) { pool.change(.kill($0)) })
    }
  }
}
