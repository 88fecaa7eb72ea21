import FabricStore
import FabricStoreEtcd
import Foundation
import Logging
import PoolTesting
import Testing

/// The same suite as for SQLite, unchanged, against a real etcd with its default limits.
@Suite(
  "The store on etcd",
  .serialized,
  .enabled(if: EtcdCluster.program != nil, "etcd-server is not installed")
)
struct EtcdConformanceTests {
  @Test("passes the conformance suite", .timeLimit(.minutes(5)))
  func conformance() async throws {
    let etcd = try EtcdCluster()
    defer { etcd.remove() }
    let logger = Logger(label: "etcd-tests")
    try await waitUntilReady(etcd.endpoints[0], logger)
    try #require(etcd.isRunning("m1"))
    for (number, test) in FabricStoreConformance.cases.enumerated() {
      let configuration = EtcdConfiguration(endpoints: etcd.endpoints, prefix: "/conformance/\(number)")
      let world = FabricStoreWorld(open: { try await EtcdFabricStore.open(configuration, logger: logger) })
      do { try await test.run(world) } catch { Issue.record("\(test): \(error)") }
    }
  }

  private func waitUntilReady(_ endpoint: String, _ logger: Logger) async throws {
    for _ in 0..<200 {
      let configuration = EtcdConfiguration(endpoints: [endpoint], prefix: "/ready")
      if let store = try? await EtcdFabricStore.open(configuration, logger: logger) {
        await store.close()
        return
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    Issue.record("etcd at \(endpoint) did not answer in 10 s")
  }
}
