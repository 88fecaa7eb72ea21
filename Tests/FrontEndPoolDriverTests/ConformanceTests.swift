import FabricStore
import FabricStoreSQLite
import Foundation
import FrontEndPoolDriver
import PoolTesting
import Testing

/// Quorate's own pool passes the suite that every driver must pass: real agents, a real fabric in a file.
@Suite("Driver conformance", .serialized, .timeLimit(.minutes(5)))
struct ConformanceTests {
  @Test("over SQLite", arguments: PoolDrivingConformance.cases)
  func sqlite(_ testCase: PoolDrivingConformance.Case) async throws {
    let directory = NSTemporaryDirectory() + "quorate-conformance-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let open: AgentPool.Opening = { try await SQLiteFabricStore(path: directory + "/fabric.db") }
    let store = try await open()
    let pool = AgentPool(servers: 4, groups: 9, store: store, opening: open)
    do {
      try await pool.form()
      try await testCase.run(PoolDrivingWorld(driver: pool.driver()) { await pool.kill($0) })
    } catch {
      await pool.shutDown()
      await store.close()
      throw error
    }
    await pool.shutDown()
    await store.close()
  }
}
