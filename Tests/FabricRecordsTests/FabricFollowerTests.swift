import FabricRecords
import FabricStore
import PoolModel
import PoolTesting
import Replication
import Testing

@Suite("Fabric follower", .timeLimit(.minutes(1)))
struct FabricFollowerTests {
  let store = MemoryFabricStore()

  private func put(_ name: String, on store: any FabricStore) async throws {
    let record = ServerRecord(name: ServerName(name), upgradeDomain: UpgradeDomain("d"), service: .inService)
    let update = FabricUpdate(when: [], write: [.server(record), .epoch])
    _ = try await store.commit(update.transaction())
  }

  private func names(_ image: FabricImage) -> [String] { image.view.servers.keys.map(\.rawValue).sorted() }

  @Test("it shows what is there, then what comes")
  func follows() async throws {
    try await put("a", on: store)
    let follower = FabricFollower(store: store)
    let deadline = ContinuousClock.now + .seconds(20)
    let seen = try await follower.first(by: deadline) { image -> FabricImage? in
      if image.view.servers[ServerName("b")] == nil {
        try? await put("b", on: store)
        return nil
      }
      return image
    }
    #expect(names(seen) == ["a", "b"])
    #expect(seen.values["server/b"] != nil)
    #expect(seen.view.epoch == seen.view.revision)
    #expect(try await FabricView.read(from: store) == seen.view)
  }

  @Test("it ends at its deadline, and tells what the store said last")
  func deadline() async throws {
    await #expect(throws: FabricFollowerError.timedOut(nil)) {
      try await FabricFollower(store: store).first(by: .now + .milliseconds(50)) { _ -> Int? in nil }
    }
    store.faults.partition()
    let error = await #expect(throws: FabricFollowerError.self) {
      try await FabricFollower(store: store, retryAfter: .milliseconds(5))
        .first(by: .now + .milliseconds(100)) { _ -> Int? in 1 }
    }
    guard case .timedOut(let trouble?) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(trouble.code == .unavailable)
  }

  @Test("it survives a store that is away for a while")
  func unavailable() async throws {
    let other = MemoryFabricStore(on: store.fabric)
    try await put("a", on: other)
    store.faults.partition()
    async let seen = FabricFollower(store: store, retryAfter: .milliseconds(5))
      .first(by: .now + .seconds(20)) { image in names(image) == ["a", "b"] ? 1 : nil }
    try await Task.sleep(for: .milliseconds(30))
    store.faults.partition(false)
    try await Task.sleep(for: .milliseconds(30))
    store.faults.partition()
    try await put("b", on: other)
    store.faults.partition(false)
    #expect(try await seen == 1)
  }

  @Test("it reads afresh when history was compacted away under it")
  func compacted() async throws {
    let other = MemoryFabricStore(on: store.fabric)
    try await put("a", on: other)
    let seen = try await FabricFollower(store: store).first(by: .now + .seconds(20)) { image -> [String]? in
      if names(image) == ["a", "c"] { return names(image) }
      guard image.view.servers[ServerName("b")] == nil else { return nil }
      // While the watch stands still, what it would have told goes away.
      store.faults.partition()
      try? await put("b", on: other)
      try? await remove("b", on: other)
      try? await put("c", on: other)
      if let revision = try? await other.status().revision { try? await other.compact(before: revision) }
      store.faults.partition(false)
      return nil
    }
    #expect(seen == ["a", "c"])
  }

  private func remove(_ name: String, on store: any FabricStore) async throws {
    _ = try await store.commit(FabricUpdate(when: [], write: [.removeServer(ServerName(name))]).transaction())
  }

  @Test("a record that it cannot read ends it")
  func corrupt() async throws {
    _ = try await store.commit(FabricTransaction(then: [.put("server/a", Array("{".utf8))]))
    let error = await #expect(throws: FabricFollowerError.self) {
      try await FabricFollower(store: store).first(by: .now + .seconds(20)) { _ -> Int? in nil }
    }
    guard case .store(let told) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(told.code == .corrupt && told.message.contains("server/a"))
  }

  @Test("it ends when its task is cancelled")
  func cancelled() async throws {
    let task = Task {
      try await FabricFollower(store: store).first(by: .now + .seconds(60)) { _ -> Int? in nil }
    }
    try await Task.sleep(for: .milliseconds(20))
    task.cancel()
    await #expect(throws: FabricFollowerError.cancelled) { try await task.value }
  }
}
