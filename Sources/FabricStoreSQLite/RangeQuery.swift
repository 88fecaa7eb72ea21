import FabricStore
import GRDB

/// Reads a range of keys inside one read transaction.
struct RangeQuery {
  let range: KeyRange
  let revision: Revision?
  let limit: Int?
  let path: String
  /// What is known of the file's packs; `nil` when it has none.
  let packs: PackDirectory?

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
    var replaced = wanted == row.revision ? [:] : try olderValues(db, at: wanted)
    if let packs {
      let packed = try PackQuery.newest(db, in: range, at: wanted, packs, path: path)
      replaced.merge(packed) { _, packed in packed }
    }
    return try merge(db, at: wanted, replaced: replaced)
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

  /// - Parameter replaced: what keys are that are not as table `current` has them; `nil` for those that are not there.
  private func merge(
    _ db: Database,
    at wanted: Revision,
    replaced: [KeyBytes: Entry?]
  ) throws -> RangeReading {
    let statement = try SQLStatement(
      db,
      range.end == nil
        ? "SELECT key, created, modified, lease, value FROM current WHERE key >= ?1 ORDER BY key"
        : "SELECT key, created, modified, lease, value FROM current WHERE key >= ?1 AND key < ?2 ORDER BY key"
    )
    defer { statement.reset() }
    statement.bind(bytesOf: range.start, at: 1)
    if let end = range.end { statement.bind(bytesOf: end, at: 2) }
    let others = replaced.sorted { $0.key < $1.key }.compactMap(\.value)
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
      while next < others.count, KeyBytes(others[next].key) < KeyBytes(key) {
        guard take(others[next]) else { return reading }
        next += 1
      }
      if !replaced.isEmpty, replaced[KeyBytes(key)] != nil { continue }
      let isRoom = reading.entries.count < limit
      guard
        take(
          isRoom ? entry(statement, key: key) : Entry(key: key, value: [], createRevision: 0, modRevision: 0)
        )
      else { return reading }
    }
    while next < others.count {
      guard take(others[next]) else { return reading }
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
    hasPacks: Bool,
    path: String
  ) throws -> WatchBatch {
    let row = try StoreRow(db, path: path)
    guard from >= row.compacted || from > row.revision else {
      throw FabricStoreError(
        .compacted,
        "\(path): revision \(from) is forgotten, the oldest is \(row.compacted)"
      )
    }
    guard from <= row.revision else { return WatchBatch(changes: [], revision: max(from, 1) - 1) }
    let logged = try logged(db, from: from, limit: limit)
    let packed =
      hasPacks ? try PackQuery.changes(db, from: from, limit: limit, path: path) : (changes: [], upTo: nil)
    let upTo = min(logged.upTo ?? row.revision, packed.upTo ?? row.revision)
    var batch = WatchBatch(changes: [], revision: upTo)
    // Both are in order of their ids.
    var (next, other) = (0, 0)
    while next < logged.changes.count || other < packed.changes.count {
      let isLogged =
        other == packed.changes.count
        || (next < logged.changes.count && logged.changes[next].id < packed.changes[other].id)
      let change = isLogged ? logged.changes[next].change : packed.changes[other].change
      if isLogged { next += 1 } else { other += 1 }
      guard change.revision <= upTo else { break }
      if let range, !range.contains(change.key) { continue }
      batch.changes.append(change)
    }
    return batch
  }

  /// Changes in table `log`, as `PackQuery.changes` gives those in packs.
  private static func logged(
    _ db: Database,
    from: Revision,
    limit: Int
  ) throws -> (changes: [(id: Int64, change: Change)], upTo: Revision?) {
    let statement = try SQLStatement(
      db,
      "SELECT id, key, created, lease, value FROM log WHERE id >= ? ORDER BY id"
    )
    defer { statement.reset() }
    statement.bind(StoreRow.logID(from), at: 1)
    var found: [(id: Int64, change: Change)] = []
    var last: Revision = 0
    while try statement.step() {
      let revision = statement.unsigned(0) >> 16
      if revision != last, found.count >= limit { return (found, last) }
      last = revision
      found.append((statement.integer(0), change(statement, key: statement.text(1), revision: revision)))
    }
    return (found, nil)
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
