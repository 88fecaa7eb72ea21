import FabricStore
import GRDB

/// Reads a range of keys inside one read transaction.
struct RangeQuery {
  let range: KeyRange
  let revision: Revision?
  let limit: Int?
  let path: String

  func run(_ db: Database) throws -> RangeReading {
    let row = try StoreRow(db, path: path)
    let wanted = revision ?? row.revision
    guard wanted >= row.compacted else {
      throw FabricStoreError(
        .compacted,
        "\(path): revision \(wanted) is forgotten, the oldest is \(row.compacted)"
      )
    }
    guard wanted <= row.revision else {
      throw FabricStoreError(
        .invalidRequest,
        "\(path): revision \(wanted) is not there yet, the newest is \(row.revision)"
      )
    }
    let undone = wanted == row.revision ? [:] : try olderValues(db, at: wanted)
    return try merge(db, at: wanted, undone: undone)
  }

  /// Keys of the range that changed after `wanted`, as they were then: the first change of each says what it replaced.
  private func olderValues(_ db: Database, at wanted: Revision) throws -> [KeyBytes: Entry?] {
    let statement = try SQLStatement(
      db,
      """
      SELECT key, oldCreated, oldModified, oldLease, oldValue FROM log
      WHERE id >= ?1 AND key >= ?2 AND (?3 IS NULL OR key < ?3) ORDER BY id
      """
    )
    defer { statement.reset() }
    statement.bind(StoreRow.logID(wanted + 1), at: 1)
    bindRange(statement, at: 2)
    var undone: [KeyBytes: Entry?] = [:]
    while try statement.step() {
      let key = statement.text(0)
      guard undone[KeyBytes(key)] == nil else { continue }
      guard !statement.isNull(2) else {
        undone.updateValue(nil, forKey: KeyBytes(key))
        continue
      }
      let entry = Entry(
        key: key,
        value: statement.bytes(4),
        createRevision: statement.unsigned(1),
        modRevision: statement.unsigned(2),
        lease: statement.isNull(3) ? nil : LeaseID(statement.unsigned(3))
      )
      undone.updateValue(entry, forKey: KeyBytes(key))
    }
    return undone
  }

  private func bindRange(_ statement: SQLStatement, at index: Int32) {
    statement.bind(bytesOf: range.start, at: index)
    if let end = range.end {
      statement.bind(bytesOf: end, at: index + 1)
    } else {
      statement.bind(UInt64?.none, at: index + 1)
    }
  }

  private func merge(_ db: Database, at wanted: Revision, undone: [KeyBytes: Entry?]) throws -> RangeReading {
    let statement = try SQLStatement(
      db,
      range.end == nil
        ? "SELECT key, created, modified, lease, value FROM current WHERE key >= ?1 ORDER BY key"
        : "SELECT key, created, modified, lease, value FROM current WHERE key >= ?1 AND key < ?2 ORDER BY key"
    )
    defer { statement.reset() }
    statement.bind(bytesOf: range.start, at: 1)
    if let end = range.end { statement.bind(bytesOf: end, at: 2) }
    let older = undone.sorted { $0.key < $1.key }.compactMap(\.value)
    var reading = RangeReading(entries: [], revision: wanted, more: false)
    let limit = max(0, limit ?? .max)
    var next = 0
    // Whether there was room for it; if not, the reading is cut off here.
    func take(_ entry: Entry) -> Bool {
      guard reading.entries.count < limit else {
        reading.more = true
        return false
      }
      reading.entries.append(entry)
      return true
    }
    while try statement.step() {
      let key = statement.text(0)
      while next < older.count, KeyBytes(older[next].key) < KeyBytes(key) {
        guard take(older[next]) else { return reading }
        next += 1
      }
      if !undone.isEmpty, undone[KeyBytes(key)] != nil { continue }
      let isRoom = reading.entries.count < limit
      guard
        take(
          isRoom ? entry(statement, key: key) : Entry(key: key, value: [], createRevision: 0, modRevision: 0)
        )
      else { return reading }
    }
    while next < older.count {
      guard take(older[next]) else { return reading }
      next += 1
    }
    return reading
  }

  private func entry(_ statement: SQLStatement, key: String) -> Entry {
    Entry(
      key: key,
      value: statement.bytes(4),
      createRevision: statement.unsigned(1),
      modRevision: statement.unsigned(2),
      lease: statement.isNull(3) ? nil : LeaseID(statement.unsigned(3))
    )
  }
}

/// Reads changes from the log, in order.
enum LogQuery {
  /// Changes with a revision of at least `from`, in whole revisions, at most about `limit` of them.
  /// - Returns: the changes in the range, the revision told up to (`from - 1` when there is nothing new yet).
  static func changes(
    _ db: Database,
    in range: KeyRange?,
    from: Revision,
    limit: Int,
    path: String
  ) throws -> WatchBatch {
    let row = try StoreRow(db, path: path)
    guard from >= row.compacted || from > row.revision else {
      throw FabricStoreError(
        .compacted,
        "\(path): revision \(from) is forgotten, the oldest is \(row.compacted)"
      )
    }
    var batch = WatchBatch(changes: [], revision: max(from, 1) - 1)
    guard from <= row.revision else { return batch }
    let statement = try SQLStatement(
      db,
      "SELECT id, key, created, lease, value FROM log WHERE id >= ? ORDER BY id"
    )
    defer { statement.reset() }
    statement.bind(StoreRow.logID(from), at: 1)
    var looked = 0
    while try statement.step() {
      let revision = statement.unsigned(0) >> 16
      if revision != batch.revision, looked >= limit { return batch }
      looked += 1
      batch.revision = revision
      let key = statement.text(1)
      if let range, !range.contains(key) { continue }
      batch.changes.append(change(statement, key: key, revision: revision))
    }
    batch.revision = row.revision
    return batch
  }

  private static func change(_ statement: SQLStatement, key: String, revision: Revision) -> Change {
    guard !statement.isNull(4) else { return .delete(key: key, revision: revision) }
    let entry = Entry(
      key: key,
      value: statement.bytes(4),
      createRevision: statement.unsigned(2),
      modRevision: revision,
      lease: statement.isNull(3) ? nil : LeaseID(statement.unsigned(3))
    )
    return .put(entry)
  }
}
