import FabricStore
import Foundation
import GRDB
import Synchronization
import Testing

@testable import FabricStoreSQLite

@Suite("Opening a fabric file", .timeLimit(.minutes(1)))
struct OpeningTests {
  @Test("the writer syncs fully, in a write-ahead log, for its owner alone")
  func settings() async throws {
    let fabric = try TemporaryFabric()
    let settings = try await FabricConnections(path: fabric.path, configuration: SQLiteFabricConfiguration())
      .pool
      .writeWithoutTransaction { db in
        [
          try String.fetchOne(db, sql: "PRAGMA synchronous"),
          try String.fetchOne(db, sql: "PRAGMA journal_mode"),
        ]
      }
    #expect(settings == ["2", "wal"])
    try FileManager.default.removeItem(atPath: fabric.path)
    let store = try await fabric.open()
    try await store.put("a", "1")
    for name in ["", "-wal", "-shm", ".turns"] {
      let mode =
        try FileManager.default.attributesOfItem(atPath: fabric.path + name)[.posixPermissions] as? Int
      #expect(mode == 0o600, "mode of fabric.db\(name)")
    }
    await store.close()
  }

  @Test("content, identity and generations survive closing")
  func reopening() async throws {
    let fabric = try TemporaryFabric()
    let first = try await fabric.open()
    let (identity, revision) = (first.identity, try await first.put("a", "1"))
    let grant = try await first.grantLease(ttl: .seconds(60))
    await first.close()
    let second = try await fabric.open()
    #expect(second.identity == identity)
    #expect(try await second.text("a") == "1")
    #expect(try await second.status().revision == revision)
    #expect(try await second.grantLease(ttl: .seconds(60)).generation > grant.generation)
    try await second.keepAlive(grant.id)
    await second.close()
  }

  @Test("a lease of another start of the machine is over")
  func otherBoot() async throws {
    let fabric = try TemporaryFabric()
    let first = try await fabric.open()
    let grant = try await first.grantLease(ttl: .seconds(3_600))
    _ = try await first.commit(FabricTransaction(then: [.put("live", [], lease: grant.id)]))
    await first.close()
    let connection = try DatabaseQueue(path: fabric.path)
    try await connection.write { try $0.execute(sql: "UPDATE lease SET boot = 'before the power cut'") }
    try connection.close()
    let second = try await fabric.open()
    let error = try await fabricError { try await second.keepAlive(grant.id) }
    #expect(error?.code == .leaseNotFound)
    for _ in 0..<100 where try await second.read("live") != nil {
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(try await second.read("live") == nil)
    await second.close()
  }

  @Test("what is not a fabric is refused, with the file's name and what to do")
  func notAFabric() async throws {
    let fabric = try TemporaryFabric()
    try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: fabric.path))
    var error = try #require(try await fabricError { _ = try await fabric.open() })
    #expect(error.code == .corrupt)
    #expect(error.message.contains(fabric.path) && error.message.contains("quorate fabric restore"))

    try FileManager.default.removeItem(atPath: fabric.path)
    let other = try DatabaseQueue(path: fabric.path)
    try await other.write { try $0.execute(sql: "CREATE TABLE other(a)") }
    try other.close()
    error = try #require(try await fabricError { _ = try await fabric.open() })
    #expect(error.code == .unsuitable)

    try FileManager.default.removeItem(atPath: fabric.path)
    try FileManager.default.createDirectory(atPath: fabric.path, withIntermediateDirectories: true)
    error = try #require(try await fabricError { _ = try await fabric.open() })
    #expect(error.code == .unsuitable)
  }

  @Test("a directory that is not there, a file that may not be made")
  func missing() async throws {
    let fabric = try TemporaryFabric()
    var error = try await fabricError {
      _ = try await SQLiteFabricStore(path: fabric.directory + "/none/fabric.db")
    }
    #expect(error?.code == .unavailable)
    error = try await fabricError { _ = try await fabric.open { $0.mayCreate = false } }
    #expect(error?.code == .unavailable)
    #expect(!FileManager.default.fileExists(atPath: fabric.path))
  }

  @Test("a newer schema is refused and not touched")
  func newerSchema() async throws {
    let fabric = try TemporaryFabric()
    try await fabric.fill()
    let connection = try DatabaseQueue(path: fabric.path)
    try await connection.write { try $0.execute(sql: "PRAGMA user_version = \(FabricSchema.version + 1)") }
    try connection.close()
    let error = try await fabricError { _ = try await fabric.open() }
    #expect(error?.code == .newerFormat)
    let checked = try await fabricError { _ = try await FabricFile.check(fabric.path) }
    #expect(checked?.code == .newerFormat)
  }

  @Test("an older schema is brought up to date, each step once")
  func migration() async throws {
    let fabric = try TemporaryFabric()
    try await fabric.fill()
    let steps =
      FabricSchema.migrations + [
        FabricSchema.Migration(
          version: FabricSchema.version + 1,
          sql: "ALTER TABLE store ADD COLUMN note TEXT NOT NULL DEFAULT 'new'"
        )
      ]
    let connection = try DatabaseQueue(path: fabric.path)
    for _ in 0..<2 {
      try await connection.writeWithoutTransaction { db in
        try FabricSchema.migrate(db, path: fabric.path, newIdentity: "unused", steps: steps)
        #expect(try String.fetchOne(db, sql: "SELECT note FROM store") == "new")
        #expect(try Int.fetchOne(db, sql: "PRAGMA user_version") == Int(FabricSchema.version) + 1)
        #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM current") == 10)
      }
    }
    try connection.close()
  }

  @Test(
    "network file systems are refused",
    arguments: [
      ("nfs4", true), ("9p", true), ("fuse.sshfs", true), ("cifs", true), ("ext4", false), ("tmpfs", false),
    ]
  )
  func networkFileSystem(type: String, isRefused: Bool) throws {
    let mounts = """
      22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
      40 22 0:35 / /srv/with\\040blank rw,relatime shared:2 master:3 - \(type) server:/export rw
      """
    #expect(FileSystemFitness.type(of: "/srv/with blank/deep", mounts: mounts) == type)
    #expect(FileSystemFitness.type(of: "/srv/with blanket", mounts: mounts) == "ext4")
    let check = { () throws(FabricStoreError) in try FileSystemFitness.check(path: "/srv/x.db", type: type) }
    if isRefused {
      let error = #expect(throws: FabricStoreError.self, performing: check)
      #expect(error?.code == .unsuitable)
    } else {
      try check()
    }
  }

  @Test("a process of a release that takes turns in another way is not joined; its leftover is made anew")
  func otherLayout() async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open()
    let table = try TurnTable(path: FabricFiles.turns(fabric.path))
    table.layout.pointee.store(TurnTable.layoutVersion + 1, ordering: .sequentiallyConsistent)
    #expect(try await fabricError { _ = try await fabric.open() }?.code == .newerFormat)
    await store.close()
    let again = try await fabric.open()
    try await again.put("a", "1")
    await again.close()
  }
}
