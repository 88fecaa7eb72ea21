import FabricStore
import GRDB
import Glibc

/// Puts a backup in the place of a fabric file.
///
/// In this order, so that an interruption leaves the old fabric or none that can be opened by mistake: make the new file as
/// `<file>.restoring` (which a store refuses to be opened beside), give the old one a second name, remove its write-ahead
/// log, which would otherwise be replayed onto the new file, and give the new file the name.
struct FabricRestore {
  let backup: String
  let path: String
  let force: Bool

  /// How far the store goes on above what anybody may have seen; more when the old file cannot say what that was.
  private static let step: UInt64 = 1 << 24
  private static let blindStep: UInt64 = 1 << 36

  func run() throws -> FabricRestoreReport {
    try FileSystemFitness.check(path: path)
    let found = try FabricCheck(path: backup).run()
    guard found.isSound else {
      throw FabricStoreError(
        .corrupt,
        "\(backup): this backup is damaged itself (\(found.problems.joined(separator: "; "))); take another one"
      )
    }
    return try OpeningLock.whileUnused(path) { try replace(found) }
  }

  private func replace(_ found: FabricCheckReport) throws -> FabricRestoreReport {
    let old = try seen()
    if let old, !force, old.identity != found.identity {
      throw FabricStoreError(
        .unsuitable,
        "\(backup): is a backup of store \(found.identity), \(path) is store \(old.identity); say --force if it is meant"
      )
    }
    let restoring = FabricFiles.restoring(path)
    unlink(restoring)
    try FabricBackup.copy(backup, to: restoring)
    let base = max(found.revision, old?.row.revision ?? 0)
    let isBlind = try old == nil && FabricFiles.exists(path)
    let revision = min(base + (isBlind ? Self.blindStep : Self.step), StoreRow.limit - 1)
    let keys = try renew(restoring, revision: revision, lease: old?.row.lastLease ?? 0)
    try FabricBackup.sync(restoring)
    let keptAs = try keepOld()
    guard rename(restoring, path) == 0 else { throw FileFailure(path: path, number: errno) }
    try FabricBackup.syncDirectory(of: path)
    return FabricRestoreReport(
      keptAs: keptAs,
      backupRevision: found.revision,
      revision: revision,
      keys: keys
    )
  }

  /// How far the old file was, if it can still say so.
  private func seen() throws -> (identity: String, row: StoreRow)? {
    guard try FabricFiles.exists(path) else { return nil }
    var settings = Configuration()
    settings.busyMode = .timeout(5)
    guard let connection = try? DatabaseQueue(path: path, configuration: settings) else { return nil }
    defer { try? connection.close() }
    return try? connection.read { db in
      try FabricSchema.check(db, path: path)
      guard let identity = try String.fetchOne(db, sql: "SELECT identity FROM store") else { return nil }
      return (identity, try StoreRow(db, path: path))
    }
  }

  /// Makes the copy a store that goes on: leases and their keys are gone, history begins anew at a revision that nobody saw.
  private func renew(_ restoring: String, revision: Revision, lease: UInt64) throws -> Int {
    let connection = try DatabaseQueue(path: restoring)
    defer { try? connection.close() }
    return try connection.write { db in
      if try FabricSchema.check(db, path: restoring) >= FabricSchema.packVersion {
        try PackFold.foldAll(db, path: restoring)
      }
      try db.execute(sql: "DELETE FROM current WHERE lease IS NOT NULL")
      try db.execute(sql: "DELETE FROM lease")
      try db.execute(sql: "DELETE FROM log")
      try db.execute(
        sql: "UPDATE store SET revision = ?, compacted = ?, lastLease = max(lastLease, ?) + ?",
        arguments: [Int64(revision), Int64(revision), Int64(clamping: lease), Int64(Self.step)]
      )
      return try Int.fetchOne(db, sql: "SELECT count(*) FROM current") ?? 0
    }
  }

  /// Gives the old file and its write-ahead log a name that is free, and takes the log from its place.
  private func keepOld() throws -> String? {
    let (log, memory) = (FabricFiles.writeAheadLog(path), FabricFiles.sharedMemory(path))
    var keptAs: String?
    if try FabricFiles.exists(path) {
      var name = path + ".before-restore"
      var number = 2
      while try FabricFiles.exists(name) {
        name = path + ".before-restore-\(number)"
        number += 1
      }
      guard link(path, name) == 0 else { throw FileFailure(path: name, number: errno) }
      if try FabricFiles.exists(log) {
        let keptLog = FabricFiles.writeAheadLog(name)
        unlink(keptLog)
        guard link(log, keptLog) == 0 else { throw FileFailure(path: keptLog, number: errno) }
      }
      try FabricBackup.syncDirectory(of: path)
      keptAs = name
    }
    unlink(log)
    unlink(memory)
    return keptAs
  }
}
