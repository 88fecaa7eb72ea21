import FabricStore
import GRDB
import Testing

@testable import FabricStoreSQLite

@Suite("Which packs have changes of which prefix") struct PackDirectoryTests {
  private let queue: DatabaseQueue
  private let directory = PackDirectory(deferredPrefix: "binding/")

  init() throws {
    queue = try DatabaseQueue()
    try queue.write { db in
      try db.execute(
        sql: "CREATE TABLE pack(id INTEGER PRIMARY KEY, base INTEGER, prefix BLOB NOT NULL, content BLOB)"
      )
    }
    try add(1, "binding/00001/")
    try add(2, "binding/00002/")
  }

  private func add(_ id: Int64, _ prefix: String) throws {
    try queue.write { db in
      try db.execute(sql: "INSERT INTO pack VALUES (?, 0, CAST(? AS BLOB), x'')", arguments: [id, prefix])
    }
  }

  private func packs(of group: String, before end: Int64 = 100) throws -> [Int64] {
    try queue.read { db in
      try directory.packs(db, in: .prefix("binding/\(group)/"), before: end)
    }
  }

  @Test("it knows the packs of one prefix, learns new ones, and leaves out those that are too new")
  func learning() throws {
    #expect(try packs(of: "00001") == [1])
    try add(3, "binding/00001/")
    try add(4, "binding/00002/")
    #expect(try packs(of: "00001") == [1, 3])
    #expect(try packs(of: "00002", before: 4) == [2])
    #expect(try packs(of: "00003") == [])
  }

  @Test("only ranges that may have such keys are its concern")
  func concern() {
    #expect(directory.mayConcern(.prefix("binding/00001/")))
    #expect(directory.mayConcern(.key("binding/00001/sip:a@example.com")))
    #expect(directory.mayConcern(KeyRange(start: "a", end: nil)))
    #expect(!directory.mayConcern(KeyRange(start: "binding0", end: nil)))
    #expect(!directory.mayConcern(.key("server/fe1")))
  }

  @Test("what a reading did not find is kept for those that began before, and forgotten when they have ended")
  func forgetting() throws {
    directory.begin()
    #expect(try packs(of: "00001") == [1])
    directory.begin()
    directory.miss([1])
    directory.end()
    #expect(try packs(of: "00001") == [1], "the older reading may need it")
    directory.end()
    #expect(try packs(of: "00001") == [])
    #expect(try packs(of: "00002") == [2])
  }
}
