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
  .enabled(if: EtcdProcess.program != nil, "etcd-server is not installed")
)
struct EtcdConformanceTests {
  @Test("passes the conformance suite", .timeLimit(.minutes(5)))
  func conformance() async throws {
    let program = try #require(EtcdProcess.program)
    let etcd = try EtcdProcess(program: program)
    defer { etcd.stop() }
    let logger = Logger(label: "etcd-tests")
    try await waitUntilReady(etcd.endpoint, logger)
    try #require(etcd.isRunning)
    for (number, test) in FabricStoreConformance.cases.enumerated() {
      let configuration = EtcdConfiguration(endpoints: [etcd.endpoint], prefix: "/conformance/\(number)")
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

  @Test(
    "reads a location",
    arguments: [
      ("etcd:https://a:2379,b:2379/quorate/demo", ["https://a:2379", "https://b:2379"], "/quorate/demo")
    ]
  )
  func location(text: String, endpoints: [String], prefix: String) throws {
    let configuration = try EtcdConfiguration(location: text)
    #expect(configuration.endpoints == endpoints)
    #expect(configuration.prefix == prefix)
  }

  @Test(
    "refuses a location that is not one",
    arguments: [
      "sqlite:x", "etcd:a:2379/p", "etcd:https://a:2379", "etcd:https://a:2379/", "etcd:https://a/p",
    ]
  )
  func badLocation(text: String) {
    #expect(throws: FabricStoreError.self) { try EtcdConfiguration(location: text) }
  }
}
