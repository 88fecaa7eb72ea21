import FabricStore
import PoolModel
import Testing

@testable import FabricAgent

@Suite struct GroupShardTests {
  private func text(_ shard: GroupShard, _ aor: String) -> String? {
    shard.records[aor].map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  private func loaded(_ entries: [(String, String, Revision)], at revision: Revision) -> GroupShard {
    let shard = GroupShard(id: RoutingGroupID(7))
    shard.beginLoad(1)
    shard.takePage(
      entries.map {
        Entry(key: "binding/00007/" + $0.0, value: Array($0.1.utf8), createRevision: 1, modRevision: $0.2)
      }
    )
    shard.finishLoad(at: revision)
    return shard
  }

  @Test func `what the watch tells while a replica loads is not lost, and what is older does not win`() {
    let shard = GroupShard(id: RoutingGroupID(7))
    shard.beginLoad(1)
    shard.learn("a", Array("old".utf8), at: 5)
    shard.learn("b", Array("new".utf8), at: 12)
    shard.learn("c", nil, at: 13)
    #expect(shard.records.isEmpty)
    shard.takePage(
      ["a", "b", "c"].map {
        Entry(key: "binding/00007/" + $0, value: Array("read".utf8), createRevision: 1, modRevision: 9)
      }
    )
    shard.finishLoad(at: 10)
    #expect(["a", "b", "c"].map { text(shard, $0) } == ["read", "new", nil])
  }

  @Test func `an echo that comes late brings nothing back`() {
    let shard = loaded([("a", "one", 5)], at: 10)
    // Our own commits: written at 11, deleted at 12. The watch then tells of 11.
    shard.learn("a", Array("two".utf8), at: 11)
    shard.learn("a", nil, at: 12)
    shard.learn("a", Array("two".utf8), at: 11)
    #expect(text(shard, "a") == nil)
    #expect(shard.watchReached(11))
    #expect(!shard.watchReached(12))
    shard.learn("a", Array("three".utf8), at: 13)
    #expect(text(shard, "a") == "three")
  }

  @Test func `a replica that is loaded again serves its old content until then`() {
    let shard = loaded([("a", "one", 5), ("gone", "x", 6)], at: 10)
    shard.beginLoad(2)
    shard.takePage([
      Entry(key: "binding/00007/a", value: Array("two".utf8), createRevision: 1, modRevision: 20)
    ])
    #expect(text(shard, "gone") == "x")
    shard.finishLoad(at: 21)
    #expect(text(shard, "a") == "two")
    #expect(text(shard, "gone") == nil)
  }
}
