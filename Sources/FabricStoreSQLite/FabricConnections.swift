import FabricStore
import Foundation
import GRDB
import Glibc

/// The connections of one open store: a writer and readers in GRDB's pool, and one each for the monitor and for checkpoints.
///
/// They are closed by being let go of, never by `close()`: reading through a queue of GRDB's (7.10) that another thread has
/// closed is a null pointer to SQLite.
struct FabricConnections {
  let pool: DatabasePool
  let monitor: DatabaseQueue
  let checkpointer: DatabaseQueue
  /// How long the write-ahead log is.
  let log = LogLength()

  init(path: String, configuration: SQLiteFabricConfiguration) throws {
    var settings = Configuration()
    settings.label = "fabric"
    settings.busyMode = .timeout(5)
    settings.maximumReaderCount = 4
    // Debian builds SQLite so that it moves pages about at each commit to keep the file short. Only a new file takes this.
    settings.prepareDatabase { try $0.execute(sql: "PRAGMA auto_vacuum = NONE") }
    pool = try DatabasePool(path: path, configuration: settings)
    let log = log
    try pool.writeWithoutTransaction { db in
      // GRDB sets `synchronous` to NORMAL for every pool, after `prepareDatabase`: a 200 OK would then not survive a
      // power cut. So FULL is set here, and looked at.
      try db.execute(sql: "PRAGMA synchronous = FULL")
      guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else {
        throw FabricStoreError(.unsuitable, "\(path): SQLite does not take synchronous = FULL")
      }
      // Debian builds SQLite so that it overwrites what is deleted, which doubles the writing.
      try db.execute(sql: "PRAGMA secure_delete = OFF")
      try db.execute(sql: "PRAGMA cache_size = -12288")
      // `Checkpointer` moves the log into the file. It is not cut off then: writing over it is cheaper than making it longer.
      try log.observe(db)
      try db.execute(sql: "PRAGMA journal_size_limit = 268435456")
      if let limit = configuration.pageLimit { try db.execute(sql: "PRAGMA max_page_count = \(limit)") }
    }
    settings.label = "fabric.checkpoint"
    checkpointer = try DatabaseQueue(path: path, configuration: settings)
    try checkpointer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_autocheckpoint = 0") }
    settings.label = "fabric.monitor"
    settings.readonly = true
    monitor = try DatabaseQueue(path: path, configuration: settings)
  }

  /// Looks whether the file is sound and brings everything that is in the write-ahead log into it: what a failed write
  /// may have left in the log only in the system's memory must not be built upon.
  func verify(path: String) throws {
    try pool.writeWithoutTransaction { db in
      let answer = try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
      guard answer == "ok" else {
        throw SQLiteFailure.corrupt(path: path, detail: answer ?? "quick_check said nothing")
      }
      guard try (0..<10).contains(where: { _ in try Self.movedAll(db) }) else {
        throw FabricStoreError(
          .unavailable,
          "\(path): the write-ahead log could not be brought into the file yet"
        )
      }
      _ = try StoreRow(db, path: path)
    }
  }

  /// Tries to move the whole write-ahead log into the file; others who do the same or read get in the way for a moment.
  private static func movedAll(_ db: Database) throws -> Bool {
    let row = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(FULL)")
    let (isBusy, inLog, moved) = (row?[0] as Int? ?? 1, row?[1] as Int? ?? -1, row?[2] as Int? ?? -2)
    if isBusy == 0, inLog == moved { return true }
    usleep(20_000)
    return false
  }
}
