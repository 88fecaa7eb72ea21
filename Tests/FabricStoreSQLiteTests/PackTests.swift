import FabricStore
import Foundation
import GRDB
import PoolTesting
import Testing

@testable import FabricStoreSQLite

@Suite("Changes in packs", .timeLimit(.minutes(2)))
struct PackTests {
  @Test(
    "the store passes the conformance suite with every key in packs",
    arguments: FabricStoreConformance.cases
  )
  func conformance(_ test: FabricStoreConformance.Case) async throws {
    let fabric = try TemporaryFabric()
    let fault = CommitFault()
    try await test.run(
      FabricStoreWorld(
        open: {
          try await fabric.open {
            $0.commitFault = fault.strike
            $0.deferredPrefix = ""
          }
        },
        failNextCommit: { _, isApplied in fault.arm(isApplied ? .after : .before) }
      )
    )
  }

  /// Numbers that look random and are the same each time.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 11 ^ state << 31
    }
  }

  private static func transaction(_ numbers: inout Numbers, _ revision: Revision?) -> FabricTransaction {
    func key() -> String {
      let prefix =
        ["binding/00001/", "binding/00002/", "binding/", "other/"].randomElement(using: &numbers) ?? ""
      return prefix + "\(Int.random(in: 0..<12, using: &numbers))"
    }
    let keys = Set((0..<Int.random(in: 1...3, using: &numbers)).map { _ in key() }).sorted()
    var transaction = FabricTransaction(then: [])
    for key in keys {
      switch Int.random(in: 0..<8, using: &numbers) {
      case 0: transaction.operations.append(.delete(key))
      default:
        let value = [UInt8](
          repeating: .random(in: 0...255, using: &numbers),
          count: .random(in: 0..<40, using: &numbers)
        )
        transaction.operations.append(.put(key, value))
      }
    }
    switch Int.random(in: 0..<8, using: &numbers) {
    case 0: transaction.comparisons = [.absent(key())]
    case 1: transaction.comparisons = [.present(key()), .present(key())]
    case 2: transaction.comparisons = [.modRevision(key(), revision ?? 0)]
    case 3: transaction.comparisons = [.value(key(), [7])]
    default: break
    }
    return transaction
  }

  @Test("two stores that fold packs all the time agree with a store in memory", arguments: 1...6)
  func model(seed: UInt64) async throws {
    let fabric = try TemporaryFabric()
    let open = {
      try await fabric.open {
        $0.packGeneration = (size: 20, slack: 8)
        $0.historyAge = .milliseconds(seed.isMultiple(of: 2) ? 60 : 300_000)
      }
    }
    var stores = [try await open(), try await open()]
    let model = MemoryFabric().client()
    var numbers = Numbers(state: seed)
    var last: Revision?
    for round in 0..<400 {
      let transaction = Self.transaction(&numbers, last)
      let store = stores[Int.random(in: 0..<2, using: &numbers)]
      let (found, wanted) = (try await store.commit(transaction), try await model.commit(transaction))
      #expect(found == wanted, "round \(round): \(transaction)")
      last = wanted.revision ?? last
      if round % 10 == 0 {
        for range in [
          KeyRange.prefix(""), .prefix("binding/00001/"), KeyRange(start: "binding/00001/5", end: "c"),
        ] {
          let (here, there) = (try await store.readAll(range, page: 7), try await model.readAll(range))
          #expect(here.entries == there.entries, "round \(round)")
        }
        try await Task.sleep(for: .milliseconds(seed.isMultiple(of: 3) ? 5 : 0))
      }
      if round % 90 == 89 {
        // In the midst of a fold, perhaps.
        await stores[round % 2].close()
        #expect(try await FabricFile.check(fabric.path).problems == [])
        stores[round % 2] = try await open()
      }
    }
    for store in stores { await store.close() }
    let report = try await FabricFile.check(fabric.path)
    #expect(report.problems == [])
    #expect(try await report.keys == model.readAll(.prefix("")).entries.count)
  }

  private func rows(_ fabric: TemporaryFabric, _ table: String) async throws -> Int {
    let connection = try DatabaseQueue(path: fabric.path)
    defer { try? connection.close() }
    return try await connection.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") ?? 0 }
  }

  @Test("packs are folded into their table when there are enough of them, and when nobody writes")
  func folding() async throws {
    let fabric = try TemporaryFabric()
    var store = try await fabric.open { $0.packGeneration = (size: 100, slack: 50) }
    for index in 0..<20 { try await store.put("binding/00001/\(index)", "first") }
    #expect(try await rows(fabric, "current") == 0, "not one was deferred")
    #expect(try await rows(fabric, "log") == 0)
    for round in 0..<40 {
      _ = try await store.commit(
        (0..<20).map { FabricTransaction(then: [.put("binding/00001/\($0)", Array("\(round)".utf8))]) },
        urgent: false
      )
      try await Task.sleep(for: .milliseconds(2))
    }
    #expect(try await rows(fabric, "pack") < 40, "nothing was folded under load")
    await store.close()
    store = try await fabric.open { $0.historyAge = .milliseconds(100) }
    try await store.put("binding/00001/0", "39")
    for _ in 0..<200 where try await rows(fabric, "pack") > 0 { try await Task.sleep(for: .milliseconds(20)) }
    #expect(try await rows(fabric, "pack") == 0, "the rest was not folded in peace")
    #expect(try await rows(fabric, "current") == 20)
    #expect(try await store.readAll(.prefix("binding/")).entries.allSatisfy { $0.value == Array("39".utf8) })
    await store.close()
  }

  @Test("a watch is told what lies in packs and in the log in one order, each change once")
  func watching() async throws {
    let fabric = try TemporaryFabric()
    let (store, other) = (try await fabric.open(), try await fabric.open())
    var wanted: [String] = []
    for index in 0..<300 {
      let keys = ["binding/0000\(index % 3)/\(index)", "log/\(index)", "binding/00009/\(index)"]
      let operations = keys.map { FabricOperation.put($0, []) }
      _ = try await (index % 2 == 0 ? store : other).commit(FabricTransaction(then: operations))
      wanted += keys
    }
    for (name, start) in [("from the beginning", 1), ("from within", 151)] {
      let third = try await fabric.open()
      var found: [String] = []
      for try await batch in third.watch(.prefix(""), from: Revision(start)) {
        found += batch.changes.map(\.key)
        if found.count >= wanted.count - 3 * (start - 1) { break }
      }
      #expect(found == Array(wanted.dropFirst(3 * (start - 1))), "\(name)")
      await third.close()
    }
    for client in [store, other] { await client.close() }
  }

  @Test("a backup has what lies in packs, and a restore brings it back")
  func backup() async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open()
    for index in 0..<50 { try await store.put("binding/00001/\(index % 20)", "\(index)") }
    _ = try await store.commit(FabricTransaction(then: [.delete("binding/00001/3")]))
    let backup = fabric.directory + "/backup.db"
    #expect(try await FabricFile.backup(from: fabric.path, to: backup).keys == 19)
    try await store.put("binding/00001/4", "after the backup")
    await store.close()
    #expect(try await FabricFile.restore(from: backup, to: fabric.path).keys == 19)
    let again = try await fabric.open()
    #expect(try await again.text("binding/00001/4") == "44")
    #expect(try await again.read("binding/00001/3") == nil)
    #expect(try await again.readAll(.prefix("binding/")).entries.count == 19)
    await again.close()
    #expect(try await FabricFile.check(fabric.path).problems == [])
  }

  @Test(
    "a file of the schema before is used as it is, beside the release that made it, until it is brought up to date"
  )
  func upgrade() async throws {
    let fabric = try TemporaryFabric()
    let old = try DatabaseQueue(path: fabric.path)
    try await old.writeWithoutTransaction { db in
      let first = Array(FabricSchema.migrations.prefix(1))
      try FabricSchema.migrate(db, path: fabric.path, newIdentity: "old", steps: first)
    }
    try old.close()
    var store = try await fabric.open()
    #expect(try await store.put("binding/00001/a", "0") == 1)
    #expect(try await store.put("binding/00001/a", "1") == 2)
    #expect(try await rows(fabric, "current") == 1, "the older release would not find it")
    #expect(try await store.readAll(.prefix("")).entries.count == 1)
    let inUse = try await fabricError { _ = try await FabricFile.upgrade(fabric.path) }
    #expect(inUse?.code == .unavailable)
    await store.close()
    #expect(try await FabricFile.check(fabric.path).problems == [])
    #expect(try await FabricFile.check(fabric.path).schema == 1)
    let versions = try await FabricFile.upgrade(fabric.path)
    #expect(versions == (before: 1, after: 2))

    store = try await fabric.open()
    let result = try await store.commit(
      FabricTransaction(when: [.modRevision("binding/00001/a", 2)], then: [.put("binding/00001/a", [0x32])])
    )
    #expect(result == .applied(3))
    #expect(try await store.text("binding/00001/a") == "2")
    #expect(try await rows(fabric, "pack") == 1)
    let before = try await store.read(.key("binding/00001/a"), at: 1, limit: nil)
    #expect(before.entries.map(\.value) == [[0x30]])
    await store.close()
    #expect(try await FabricFile.check(fabric.path).problems == [])
  }

  @Test(
    "a damaged pack is a problem for the check and an error for whoever reads it",
    arguments: [
      "x'00'", "x''", "zeroblob(33)", "substr(content, 1, length(content) - 1)",
      "CAST(content || x'01' AS BLOB)",
      // A change of revision 0.
      "CAST(x'0100000000000000' || substr(content, 9) AS BLOB)",
    ]
  )
  func damage(content: String) async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open()
    for index in 0..<5 { try await store.put("binding/00001/\(index)", "text") }
    await store.close()
    let connection = try DatabaseQueue(path: fabric.path)
    try await connection.write { try $0.execute(sql: "UPDATE pack SET content = \(content)") }
    try connection.close()
    #expect(try await FabricFile.check(fabric.path).isSound == false)
    // Nothing at all in it is seen by the check alone.
    guard content != "x''" else { return }
    let again = try await fabric.open()
    let error = try await fabricError { _ = try await again.readAll(.prefix("binding/")) }
    #expect(error?.code == .corrupt)
    let refused = try await fabricError { _ = try await again.put("binding/00001/9", "new") }
    #expect(refused?.code == .corrupt)
    await again.close()
  }
}
