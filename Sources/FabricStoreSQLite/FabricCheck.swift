import FabricStore
import Foundation
import GRDB

/// Looks whether a fabric file is sound: SQLite's own check, then ours.
struct FabricCheck {
  let path: String
  private static let mostProblems = 100

  func run() throws -> FabricCheckReport {
    guard try FabricFiles.exists(path) else {
      throw FabricStoreError(.unavailable, "\(path): no such fabric file")
    }
    var report = FabricCheckReport(
      path: path,
      identity: "",
      revision: 0,
      compactedRevision: 0,
      keys: 0,
      leases: 0,
      size: FabricFiles.size(path) &+ FabricFiles.size(FabricFiles.writeAheadLog(path)),
      schema: 0,
      problems: []
    )
    do {
      var settings = Configuration()
      settings.readonly = true
      settings.busyMode = .timeout(5)
      let connection = try DatabaseQueue(path: path, configuration: settings)
      defer { try? connection.close() }
      try connection.read { try look($0, &report) }
    } catch let error as DatabaseError
      where [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT].contains(error.resultCode)
    {
      report.problems.append(error.message ?? "the file is damaged")
    } catch let error as FabricStoreError where error.code == .corrupt {
      report.problems.append(error.message)
    }
    report.problems = Array(report.problems.prefix(Self.mostProblems))
    return report
  }

  private func look(_ db: Database, _ report: inout FabricCheckReport) throws {
    let schema = try FabricSchema.check(db, path: path)
    report.schema = Int(schema)
    guard schema > 0 else {
      throw FabricStoreError(.unsuitable, "\(path): is empty, not a fabric")
    }
    let answers = try String.fetchAll(db, sql: "PRAGMA integrity_check(\(Self.mostProblems))")
    report.problems += answers.filter { $0 != "ok" }
    guard report.problems.isEmpty else { return }
    let row = try StoreRow(db, path: path)
    report.identity = try String.fetchOne(db, sql: "SELECT identity FROM store") ?? ""
    report.revision = row.revision
    report.compactedRevision = row.compacted
    report.keys = try Int.fetchOne(db, sql: "SELECT count(*) FROM current") ?? 0
    let packed = schema >= FabricSchema.packVersion ? try PackCheck(db, row, path: path) : PackCheck()
    report.keys += packed.moreKeys
    report.problems += packed.problems
    try lookAtRevisions(db, row, packed, &report)
    report.leases = try Int.fetchOne(db, sql: "SELECT count(*) FROM lease") ?? 0
    for invariant in Self.invariants {
      let known = ["revision": row.revision, "compacted": row.compacted, "lastLease": row.lastLease]
      // GRDB refuses arguments that a statement does not use.
      let used = known.filter { invariant.sql.contains(":\($0.key)") }.mapValues { Int64(clamping: $0) }
      let count = try Int.fetchOne(db, sql: invariant.sql, arguments: StatementArguments(used)) ?? 0
      if count > 0 { report.problems.append("\(count) \(invariant.problem)") }
    }
  }

  /// Every revision that is kept is told of, in the log or in packs; and no key of table `current` hangs on a lease that is
  /// gone, unless a pack says otherwise of it.
  private func lookAtRevisions(
    _ db: Database,
    _ row: StoreRow,
    _ packed: PackCheck,
    _ report: inout FabricCheckReport
  ) throws {
    var revisions = packed.revisions
    let logged = try Int64.fetchCursor(
      db,
      sql: "SELECT DISTINCT id >> 16 FROM log WHERE (id >> 16) > ?",
      arguments: [Int64(clamping: row.compacted)]
    )
    while let revision = try logged.next() { revisions.insert(UInt64(clamping: revision)) }
    let missing = Int(clamping: row.revision - row.compacted) - revisions.count
    if missing != 0 { report.problems.append("\(missing) revisions are missing in the log") }
    let loose = try Data.fetchAll(
      db,
      sql: "SELECT key FROM current WHERE lease IS NOT NULL AND lease NOT IN (SELECT id FROM lease)"
    )
    let count = loose.count { !packed.keys.contains(KeyBytes(String(decoding: $0, as: UTF8.self))) }
    if count > 0 { report.problems.append("\(count) keys are attached to a lease that does not exist") }
  }

  private struct Invariant {
    var problem: String
    /// Counts what violates it.
    var sql: String
  }

  /// What holds after every commit.
  private static let invariants = [
    Invariant(
      problem: "keys changed at a revision that the store has not reached, or before they were created",
      sql: "SELECT count(*) FROM current WHERE modified > :revision OR created > modified OR created < 1"
    ),
    Invariant(
      problem: "leases have a number that was not given out yet",
      sql: "SELECT count(*) FROM lease WHERE id > :lastLease"
    ),
    Invariant(
      problem: "changes in the log are of a revision that the store has not reached",
      sql: "SELECT count(*) FROM log WHERE (id >> 16) > :revision"
    ),
    Invariant(
      problem: "keys changed at a revision that is kept but that the log does not tell of",
      sql: """
        SELECT count(*) FROM current WHERE modified > :compacted AND NOT EXISTS (
          SELECT 1 FROM log WHERE log.id >= modified << 16 AND log.id < (modified + 1) << 16
            AND log.key = current.key AND log.value IS current.value)
        """
    ),
    Invariant(
      problem: "keys are there although the log's last word is that they were deleted",
      sql: """
        SELECT count(*) FROM log JOIN current ON current.key = log.key
        WHERE log.value IS NULL AND (log.id >> 16) > current.modified
        """
    ),
  ]
}
