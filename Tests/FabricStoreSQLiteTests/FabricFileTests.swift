import FabricStore
import Foundation
import GRDB
import Testing

@testable import FabricStoreSQLite

@Suite("Checking, backing up and restoring a fabric file", .timeLimit(.minutes(1)))
struct FabricFileTests {
  @Test("a sound fabric is called sound while it is in use")
  func check() async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open()
    for index in 0..<50 { try await store.put("k/\(index % 20)", "\(index)") }
    let grant = try await store.grantLease(ttl: .seconds(60))
    _ = try await store.commit(
      FabricTransaction(then: [.put("live/a", [], lease: grant.id), .delete("k/3")])
    )
    try await store.compact(before: 20)
    let report = try await FabricFile.check(fabric.path)
    #expect(report.problems == [])
    #expect(report.keys == 20 && report.leases == 1 && report.revision == 51)
    #expect(report.compactedRevision == 20 && report.identity == store.identity)
    await store.close()
  }

  @Test(
    "each invariant that does not hold is a problem",
    arguments: [
      "UPDATE current SET modified = 99 WHERE key = CAST('k/1' AS BLOB)",
      "UPDATE current SET lease = 77 WHERE key = CAST('k/1' AS BLOB)",
      "INSERT INTO lease VALUES (1000, 1, 1, 'boot')",
      "DELETE FROM log WHERE (id >> 16) = 5",
      "UPDATE current SET value = x'00' WHERE key = CAST('k/1' AS BLOB)",
      "INSERT INTO log(id, key, created) VALUES (99 << 16, x'00', 0)",
      "UPDATE store SET compacted = 1000",
    ]
  )
  func invariants(damage: String) async throws {
    let fabric = try TemporaryFabric()
    try await fabric.fill()
    #expect(try await FabricFile.check(fabric.path).isSound)
    let connection = try DatabaseQueue(path: fabric.path)
    try await connection.write { try $0.execute(sql: damage) }
    try connection.close()
    #expect(try await FabricFile.check(fabric.path).isSound == false)
  }

  @Test("a backup taken under load is one revision, sound, and not written over")
  func backup() async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open()
    let writing = Task {
      for index in 0..<2_000 {
        let operations = (0..<2).map { FabricOperation.put("pair/\($0)", Array("\(index)".utf8)) }
        _ = try await store.commit(FabricTransaction(then: operations))
        if Task.isCancelled { return }
      }
    }
    try await Task.sleep(for: .milliseconds(30))
    let target = fabric.directory + "/backup.db"
    let report = try await FabricFile.backup(from: fabric.path, to: target)
    #expect(report.isSound && report.path == target && report.identity == store.identity)
    writing.cancel()
    _ = await writing.result
    let copy = try await SQLiteFabricStore(path: target)
    #expect(try await copy.status().revision == report.revision)
    #expect(try await copy.text("pair/0") == copy.text("pair/1"))
    await copy.close()
    let mode = try FileManager.default.attributesOfItem(atPath: target)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let error = try await fabricError { _ = try await FabricFile.backup(from: fabric.path, to: target) }
    #expect(error?.code == .invalidRequest)
    _ = try await FabricFile.backup(from: fabric.path, to: target, overwrite: true)
    await store.close()
  }

  @Test("a restore brings the backup back, later than anything a watch was told, without leases")
  func restore() async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open()
    try await store.put("a", "kept")
    let grant = try await store.grantLease(ttl: .seconds(60))
    _ = try await store.commit(FabricTransaction(then: [.put("live/x", [], lease: grant.id)]))
    let backup = fabric.directory + "/backup.db"
    _ = try await FabricFile.backup(from: fabric.path, to: backup)
    let seen = try await store.put("a", "after the backup")

    let refused = try await fabricError { _ = try await FabricFile.restore(from: backup, to: fabric.path) }
    #expect(refused?.code == .unavailable)
    #expect(try await store.text("a") == "after the backup")
    await store.close()

    let report = try await FabricFile.restore(from: backup, to: fabric.path)
    #expect(report.revision > seen + 1_000 && report.keys == 1)
    let kept = try #require(report.keptAs)
    #expect(try await FabricFile.check(kept).isSound)
    #expect(try await FabricFile.check(fabric.path).problems == [])

    let again = try await fabric.open()
    #expect(try await again.text("a") == "kept")
    #expect(try await again.read("live/x") == nil)
    #expect(try await fabricError { try await again.keepAlive(grant.id) }?.code == .leaseNotFound)
    #expect(try await again.grantLease(ttl: .seconds(5)).generation > grant.generation)
    let stale = try await fabricError {
      for try await _ in again.watch(.prefix(""), from: seen + 1) {}
    }
    #expect(stale?.code == .compacted)
    #expect(try await again.put("b", "new") == report.revision + 1)
    await again.close()
    let old = try await SQLiteFabricStore(path: kept)
    #expect(try await old.text("a") == "after the backup")
    await old.close()
  }

  @Test("a restore replaces a damaged file, and goes on far above what it may have told")
  func restoreOverDamage() async throws {
    let fabric = try TemporaryFabric()
    try await fabric.fill()
    let backup = fabric.directory + "/backup.db"
    _ = try await FabricFile.backup(from: fabric.path, to: backup)
    try fabric.damage(at: 0, with: [UInt8](repeating: 0, count: 4_096))
    let report = try await FabricFile.restore(from: backup, to: fabric.path)
    #expect(report.revision > 1 << 32)
    let store = try await fabric.open()
    #expect(try await store.readAll(.prefix("k/")).entries.count == 10)
    await store.close()
  }

  @Test("a damaged backup and one of another store are refused and change nothing")
  func wrongBackup() async throws {
    let (fabric, other) = (try TemporaryFabric(), try TemporaryFabric())
    try await fabric.fill()
    try await other.fill(3)
    let foreign = try await fabricError {
      _ = try await FabricFile.restore(from: other.path, to: fabric.path)
    }
    #expect(foreign?.code == .unsuitable)
    let backup = fabric.directory + "/backup.db"
    _ = try await FabricFile.backup(from: fabric.path, to: backup)
    try fabric.damage(backup, at: 4_096, with: [UInt8](repeating: 0x33, count: 9_000))
    let damaged = try await fabricError { _ = try await FabricFile.restore(from: backup, to: fabric.path) }
    #expect(damaged?.code == .corrupt)
    let store = try await fabric.open()
    #expect(try await store.readAll(.prefix("k/")).entries.count == 10)
    await store.close()
    let forced = try await FabricFile.restore(from: other.path, to: fabric.path, force: true)
    #expect(forced.keys == 3)
  }

  @Test("beside an interrupted restore the fabric is not opened")
  func interruptedRestore() async throws {
    let fabric = try TemporaryFabric()
    try await fabric.fill()
    _ = FileManager.default.createFile(atPath: FabricFiles.restoring(fabric.path), contents: Data())
    let error = try await fabricError { _ = try await fabric.open() }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("restore") == true)
  }
}
