import FabricStore
import GRDB

/// How a group ended that became durable.
struct GroupOutcome {
  /// The revision before it.
  var previous: Revision
  /// The revision after it.
  var revision: Revision
  /// The oldest revision that can be read at.
  var compacted: Revision
  /// What it changed.
  var changes: [Change]
  /// Writes that were refused alone, by their index in the group.
  var refusals: [Int: FabricStoreError]
}

/// A group that did not become durable.
struct GroupFailure: Error {
  var error: FabricStoreError
  /// Whether the file must be opened again and checked before anything else is written.
  var needsRepair: Bool
}

/// Makes a group of writes durable in one SQLite transaction.
struct GroupCommit {
  let path: String
  let configuration: SQLiteFabricConfiguration
  /// `nil` when the file has none.
  let packs: PackIndex?
  /// Keys that one commit folds at most: a millisecond or two.
  private static let mostFolded = 512

  func perform(_ group: [PendingWrite], on pool: DatabasePool) throws(GroupFailure) -> GroupOutcome {
    do {
      return try pool.writeWithoutTransaction { db in
        try db.beginTransaction(.immediate)
        let (batch, outcome, isCommitted) = try prepare(group, db)
        guard isCommitted else {
          try db.rollback()
          return outcome
        }
        do {
          try configuration.commitFault?(false)
          try db.commit()
          try configuration.commitFault?(true)
        } catch {
          // The commit's frames may be on the disk or not.
          if db.isInsideTransaction { try? db.rollback() }
          throw SQLiteFailure.error(error, path: path, outcome: .unknown)
        }
        packs?.accept(
          batch.additions,
          from: batch.firstRevision,
          to: batch.row.revision,
          folded: batch.folded
        )
        return outcome
      }
    } catch {
      packs?.forget()
      // A lock that another program holds is no damage: the next group simply tries again.
      let isLocked = [.SQLITE_BUSY, .SQLITE_LOCKED].contains((error as? DatabaseError)?.resultCode)
      throw GroupFailure(error: SQLiteFailure.error(error, path: path), needsRepair: !isLocked)
    }
  }

  private func prepare(_ group: [PendingWrite], _ db: Database) throws -> (
    WriteBatch, GroupOutcome, isCommitted: Bool
  ) {
    do {
      var batch = try WriteBatch(
        db,
        path: path,
        packs: packs,
        deferredPrefix: configuration.deferredPrefix
      )
      var refusals: [Int: FabricStoreError] = [:]
      for (index, write) in group.enumerated() {
        do {
          try write.work(&batch)
        } catch let error as FabricStoreError where error.code == .leaseNotFound {
          // Thrown before the write changed anything: it fails alone.
          refusals[index] = error
        }
      }
      try forgetHistory(&batch)
      try batch.fold(min(4 * batch.additions.count, Self.mostFolded))
      let isCommitted = try batch.finish()
      let outcome = GroupOutcome(
        previous: batch.firstRevision,
        revision: batch.row.revision,
        compacted: batch.row.compacted,
        changes: batch.changes,
        refusals: refusals
      )
      return (batch, outcome, isCommitted)
    } catch {
      // Some errors end the transaction by themselves.
      if db.isInsideTransaction { try? db.rollback() }
      throw error
    }
  }

  /// Each commit cuts off twice as much as it added once history is longer than it should be: so it stays bounded and no
  /// commit pays for many others.
  private func forgetHistory(_ batch: inout WriteBatch) throws {
    guard !batch.changes.isEmpty else { return }
    let (edge, isShort) = batch.row.revision.subtractingReportingOverflow(configuration.historyLimit)
    if !isShort { batch.compact(before: edge) }
    guard batch.row.compacted > 0 else { return }
    try batch.trimLog(limit: 2 * Int64(batch.changes.count) + 16)
  }
}
