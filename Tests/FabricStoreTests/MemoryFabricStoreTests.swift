import FabricStore
import PoolTesting
import Testing

@Suite("The store in memory")
struct MemoryFabricStoreTests {
  @Test("passes the conformance suite", .timeLimit(.minutes(2)), arguments: FabricStoreConformance.cases)
  func conformance(_ test: FabricStoreConformance.Case) async throws {
    let clock = FabricStoreClock.manual()
    let fabric = MemoryFabric(clock: clock)
    let world = FabricStoreWorld(
      open: { fabric.client() },
      pass: { clock.advance(by: $0) },
      failNextCommit: { client, isApplied in
        (client as? MemoryFabricStore)?.faults.failNextCommit(outcome: .unknown, isApplied: isApplied)
      }
    )
    try await test.run(world)
  }

  @Test("with a clock moved by hand, leases end exactly then")
  func manualClock() async throws {
    let clock = FabricStoreClock.manual()
    let fabric = MemoryFabric(clock: clock)
    let store = fabric.client()
    let grant = try await store.grantLease(ttl: .seconds(2))
    _ = try await store.commit(FabricTransaction(then: [.put("live", [], lease: grant.id)]))
    clock.advance(by: .milliseconds(1_999))
    #expect(try await store.read("live") != nil)
    clock.advance(by: .milliseconds(1))
    #expect(try await store.read("live") == nil)
    #expect(try await store.now().milliseconds == clock.epoch + 2_000)
  }

  @Test("with a clock that goes by itself, leases end although nobody calls")
  func runningClock() async throws {
    let store = MemoryFabric().client()
    let grant = try await store.grantLease(ttl: .seconds(1))
    let result = try await store.commit(FabricTransaction(then: [.put("live", [], lease: grant.id)]))
    let revision = try #require(result.revision)
    for try await batch in store.watch(.key("live"), from: revision + 1) where !batch.changes.isEmpty {
      #expect(batch.changes == [.delete(key: "live", revision: revision + 1)])
      break
    }
  }

  @Test("a client that is cut off fails alone")
  func partition() async throws {
    let fabric = MemoryFabric()
    let (one, two) = (fabric.client(), fabric.client())
    one.faults.partition()
    await #expect(throws: FabricStoreError.self) { try await one.read("a") }
    _ = try await two.commit(FabricTransaction(then: [.put("a", [])]))
    one.faults.partition(false)
    #expect(try await one.read("a") != nil)
  }
}
