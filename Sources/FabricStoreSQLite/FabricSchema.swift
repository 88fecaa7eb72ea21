import FabricStore
import GRDB

/// The tables of a fabric file and how older ones are brought up to date.
///
/// - `store`: one row: identity, newest revision, oldest readable revision, last lease number.
/// - `current`: the newest value of every key.
/// - `log`: every change since the compaction, in order; `id` is `revision << 16 | position`. Beside the new value it keeps
///   what it replaced, so that the state at an older revision is the current one with the changes since then undone, and
///   forgetting history is cutting the log's beginning off.
/// - `pack`: the changes of keys that are written often (`deferredPrefix`), which are neither in `current` nor in `log`: a row
///   holds those that one commit made to keys of one prefix (up to the last `/`). `id` is that of its first change, `base` the
///   first revision of the commit. They come before `current`, until they are folded into it (`PackFold`).
/// - `lease`: deadlines in nanoseconds since the boot named with them.
enum FabricSchema {
  /// What this release reads and writes.
  static let version: Int64 = 2
  /// The first version with packs.
  static let packVersion: Int64 = 2
  /// Keys under this prefix are written so often that each would cost the log a page of its own: bindings.
  static let deferredPrefix = "binding/"
  /// "QuFb": tells a fabric from another program's file (`PRAGMA application_id`).
  static let applicationID: Int64 = 0x5175_4662
  /// Changes of one revision: `position` has 16 bits.
  static let positions: Int64 = 1 << 16

  /// A new store's identity: 128 random bits.
  static func makeIdentity() -> String {
    var random = SystemRandomNumberGenerator()
    let number = UInt128(random.next()) << 64 | UInt128(random.next())
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }

  /// A step from one version to the next.
  struct Migration {
    var version: Int64
    var sql: String
  }

  static let migrations = [
    Migration(
      version: 1,
      sql: """
        CREATE TABLE store(
          one INTEGER PRIMARY KEY CHECK (one = 1),
          identity TEXT NOT NULL,
          revision INTEGER NOT NULL,
          compacted INTEGER NOT NULL,
          lastLease INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE current(
          key BLOB PRIMARY KEY,
          created INTEGER NOT NULL,
          modified INTEGER NOT NULL,
          lease INTEGER,
          value BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX currentLease ON current(lease) WHERE lease IS NOT NULL;
        CREATE TABLE log(
          id INTEGER PRIMARY KEY,
          key BLOB NOT NULL,
          created INTEGER NOT NULL,
          lease INTEGER,
          value BLOB,
          oldCreated INTEGER,
          oldModified INTEGER,
          oldLease INTEGER,
          oldValue BLOB
        ) STRICT;
        CREATE TABLE lease(
          id INTEGER PRIMARY KEY,
          ttl INTEGER NOT NULL,
          deadline INTEGER NOT NULL,
          boot TEXT NOT NULL
        ) STRICT;
        """
    ),
    Migration(
      version: 2,
      sql: """
        CREATE TABLE pack(
          id INTEGER PRIMARY KEY,
          base INTEGER NOT NULL,
          prefix BLOB NOT NULL,
          content BLOB NOT NULL
        ) STRICT;
        """
    ),
  ]

  /// Makes the tables of a new file. One of an older schema is left as it is: processes of the release that made it may use
  /// it too, and want it back. `upgrade` brings it up to date.
  /// - Returns: the file's version.
  @discardableResult
  static func prepare(_ db: Database, path: String, newIdentity: String) throws -> Int64 {
    let found = try check(db, path: path)
    if found == 0 { try migrate(db, path: path, newIdentity: newIdentity) }
    return try check(db, path: path)
  }

  /// Makes the tables, or brings them up to date; each step is a transaction of its own.
  static func migrate(
    _ db: Database,
    path: String,
    newIdentity: String,
    steps: [Migration] = migrations
  ) throws {
    let found = try check(db, path: path, newest: steps.last?.version ?? version)
    for step in steps where step.version > found {
      try db.inTransaction(.immediate) {
        // Another process may have done it between the look and the lock.
        guard try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0 < step.version else { return .commit }
        try db.execute(sql: step.sql)
        if step.version == 1 {
          try db.execute(sql: "PRAGMA application_id = \(applicationID)")
          try db.execute(sql: "INSERT INTO store VALUES (1, ?, 0, 0, 0)", arguments: [newIdentity])
        }
        try db.execute(sql: "PRAGMA user_version = \(step.version)")
        return .commit
      }
    }
  }

  /// The version found, 0 for an empty file. Throws when the file is another program's or a newer release's.
  @discardableResult
  static func check(_ db: Database, path: String, newest: Int64 = version) throws -> Int64 {
    let found = try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    let application = try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    let tables = try Int64.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    if tables == 0, application == 0, found == 0 { return 0 }
    guard application == applicationID else {
      throw FabricStoreError(.unsuitable, "\(path): is an SQLite file of another program, not a fabric")
    }
    guard found <= newest else {
      throw FabricStoreError(
        .newerFormat,
        "\(path): has schema \(found), this release knows up to \(newest); use the release that wrote it, or restore a "
          + "backup of before the upgrade"
      )
    }
    return found
  }
}
