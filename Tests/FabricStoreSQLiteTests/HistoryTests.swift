import FabricStore
import GRDB
import Testing

@testable import FabricStoreSQLite

@Suite("History and the queue of writes", .timeLimit(.minutes(1)))
struct HistoryTests {
  private func logRows(_ fabric: TemporaryFabric) async throws -> Int {
    let connection = try DatabaseQueue(path: fabric.path)
    defer { try? connection.close() }
    return try await connection.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM log") ?? 0 }
  }

  @Test("history keeps within its limit by itself, values stay")
  func limit() async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open { $0.historyLimit = 100 }
    for round in 0..<20 {
      _ = try await store.commit(
        (0..<50).map { FabricTransaction(then: [.put("k/\($0)", [UInt8(round)])]) },
        urgent: false
      )
    }
    let status = try await store.status()
    #expect(status.revision == 1_000 && status.compactedRevision == 900)
    #expect(try await logRows(fabric) <= 200)
    let old = try await fabricError { _ = try await store.read(.prefix(""), at: 899, limit: nil) }
    #expect(old?.code == .compacted)
    let edge = try await store.read(.prefix("k/"), at: 900, limit: nil).entries
    #expect(edge.count == 50 && edge.allSatisfy { $0.value == [17] })
    await store.close()
    #expect(try await FabricFile.check(fabric.path).problems == [])
  }

  @Test("history that has grown old is forgotten although nobody writes")
  func age() async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open { $0.historyAge = .milliseconds(200) }
    for index in 0..<50 { try await store.put("k", "\(index)") }
    var compacted: UInt64 = 0
    for _ in 0..<100 where compacted < 50 {
      try await Task.sleep(for: .milliseconds(20))
      compacted = try await store.status().compactedRevision
    }
    #expect(compacted == 50)
    #expect(try await store.text("k") == "49")
    await store.close()
  }

  @Test("urgent writes go first, groups keep their bound, a write is taken back once")
  func queue() {
    func write(_ weight: Int, isUrgent: Bool = false) -> PendingWrite {
      PendingWrite(isUrgent: isUrgent, weight: weight) { _ in }
    }
    let (a, b, c, urgent) = (write(3), write(3), write(3), write(1, isUrgent: true))
    var queue = CommitQueue()
    for one in [a, b, c, urgent] { queue.append(one) }
    let group = queue.take(limit: 7)
    #expect(group.map(ObjectIdentifier.init) == [urgent, a, b].map(ObjectIdentifier.init))
    #expect(queue.totalWeight == 3)
    let (first, second) = (queue.remove(c), queue.remove(c))
    #expect(first && !second)
    #expect(queue.isEmpty && queue.totalWeight == 0)
    queue.append(write(1_000))
    let large = queue.take(limit: 7)
    #expect(large.count == 1)
  }

  @Test("the tail gives whole revisions and sends a watch that is behind it to the log")
  func tail() {
    let tail = ChangeTail(revision: 10)
    let changes = (11...12).flatMap { revision in
      ["a", "b"].map { Change.delete(key: $0, revision: UInt64(revision)) }
    }
    tail.append(changes, after: 11, upTo: 12)
    #expect(tail.last == 10, "a gap was not seen")
    tail.append(changes, after: 10, upTo: 12)
    tail.append(changes, after: 10, upTo: 12)
    guard case .batch(let batch) = tail.take(.prefix("b"), from: 11) else {
      Issue.record("no batch")
      return
    }
    #expect(batch == WatchBatch(changes: [changes[1], changes[3]], revision: 12))
    if case .readLog = tail.take(.prefix(""), from: 10) {} else { Issue.record("not sent to the log") }
    if case .wait = tail.take(.prefix(""), from: 13) {} else { Issue.record("nothing to wait for") }
    tail.skip(to: 20)
    if case .readLog = tail.take(.prefix(""), from: 13) {} else { Issue.record("not sent to the log") }
  }
}
