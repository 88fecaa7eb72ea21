import FabricStore
import FabricStoreSQLite
import PoolTesting
import Testing

@Suite("The store in a file")
struct SQLiteConformanceTests {
  @Test("passes the conformance suite", .timeLimit(.minutes(2)), arguments: FabricStoreConformance.cases)
  func conformance(_ test: FabricStoreConformance.Case) async throws {
    let fabric = try TemporaryFabric()
    try await test.run(FabricStoreWorld(open: { try await fabric.open() }))
  }
}
