import Dispatch
public import FabricStore
import GRDB
import Glibc

/// What `quorate fabric check|backup|restore` do with a fabric file.
public enum FabricFile {
  /// Looks whether a fabric file is sound. The pool may run meanwhile.
  /// - Returns: what was found; a damaged file is a report with problems, not an error.
  /// - Throws: `.unavailable` (no such file), `.unsuitable` (another program's), `.newerFormat`, `.readOnly`.
  public static func check(_ path: String) async throws(FabricStoreError) -> FabricCheckReport {
    try await blocking(path) { try FabricCheck(path: path).run() }
  }

  /// Copies a fabric file as it is at one revision. The pool may run meanwhile.
  /// - Parameters:
  ///   - source: the fabric file.
  ///   - target: where the copy goes; it is complete and on the disk when this returns, and absent if it throws.
  ///   - overwrite: whether a file that is there may be replaced.
  public static func backup(
    from source: String,
    to target: String,
    overwrite: Bool = false
  ) async throws(FabricStoreError) -> FabricCheckReport {
    try await blocking(source) {
      try FabricBackup(source: source, target: target, overwrite: overwrite).run()
    }
  }

  /// Puts a backup in the place of a fabric file. No process may have the fabric open.
  ///
  /// The old file is kept beside it. The store goes on at a revision well above any that a watch was told, with no leases
  /// and no keys attached to one; every server must read afresh.
  /// - Parameters:
  ///   - backup: a file that `backup` wrote; it is checked first and left as it is.
  ///   - path: the fabric file.
  ///   - force: also when the backup is of another store than the file that is there.
  public static func restore(
    from backup: String,
    to path: String,
    force: Bool = false
  ) async throws(FabricStoreError) -> FabricRestoreReport {
    try await blocking(path) { try FabricRestore(backup: backup, path: path, force: force).run() }
  }

  /// Brings a file that an older release made up to this one's schema; that release cannot open it any more. No process
  /// may have the file open.
  /// - Returns: the schema before and after.
  public static func upgrade(_ path: String) async throws(FabricStoreError) -> (before: Int, after: Int) {
    try await blocking(path) {
      guard try FabricFiles.exists(path) else {
        throw FabricStoreError(.unavailable, "\(path): no such fabric file")
      }
      return try OpeningLock.whileUnused(path) {
        let connection = try DatabaseQueue(path: path)
        defer { try? connection.close() }
        return try connection.writeWithoutTransaction { db in
          let before = try FabricSchema.check(db, path: path)
          guard before > 0 else { throw FabricStoreError(.unsuitable, "\(path): is empty, not a fabric") }
          try FabricSchema.migrate(db, path: path, newIdentity: "")
          return (Int(before), Int(try FabricSchema.check(db, path: path)))
        }
      }
    }
  }

  /// Has the next leases of a file have generations above `generation`: those that records from another store name. No
  /// process may have the file open.
  public static func raiseGenerations(_ path: String, above generation: UInt64) async throws(FabricStoreError)
  {
    try await blocking(path) {
      let connection = try DatabaseQueue(path: path)
      defer { try? connection.close() }
      try connection.write { db in
        try FabricSchema.check(db, path: path)
        try db.execute(
          sql: "UPDATE store SET lastLease = max(lastLease, ?)",
          arguments: [Int64(clamping: generation)]
        )
      }
    }
  }

  /// Runs what blocks on a thread that may.
  static func blocking<T: Sendable>(
    _ path: String,
    _ body: @escaping @Sendable () throws -> T
  ) async throws(FabricStoreError) -> T {
    let result: Result<T, FabricStoreError> = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(
          returning: Result(catching: body).mapError { SQLiteFailure.error($0, path: path) }
        )
      }
    }
    return try result.get()
  }
}

/// What a look at a fabric file found.
public struct FabricCheckReport: Hashable, Sendable, Codable {
  /// The file.
  public var path: String
  /// The store's identity, empty when it could not be read.
  public var identity: String
  /// The newest revision.
  public var revision: UInt64
  /// The oldest revision that can be read at.
  public var compactedRevision: UInt64
  /// Keys there are now.
  public var keys: Int
  /// Leases, live or due.
  public var leases: Int
  /// Bytes of the file and its write-ahead log.
  public var size: Int64
  /// The schema's version.
  public var schema: Int
  /// What is wrong, for people; at most 100 entries.
  public var problems: [String]

  /// Whether nothing is wrong.
  public var isSound: Bool { problems.isEmpty }
}

/// What a restore did.
public struct FabricRestoreReport: Hashable, Sendable, Codable {
  /// Where the file is now that was there before; `nil` when there was none.
  public var keptAs: String?
  /// The revision that the backup was of.
  public var backupRevision: UInt64
  /// The revision at which the store goes on.
  public var revision: UInt64
  /// Keys that were brought back.
  public var keys: Int
}
