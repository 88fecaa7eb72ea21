import FabricStore
import GRDB

/// Reads packs.
enum PackQuery {
  /// The newest change of each key of a range up to a revision; `nil` for a key that was deleted.
  static func newest(
    _ db: Database,
    in range: KeyRange,
    at revision: Revision,
    _ directory: PackDirectory,
    path: String
  ) throws -> [KeyBytes: Entry?] {
    guard directory.mayConcern(range) else { return [:] }
    var newest: [KeyBytes: Entry?] = [:]
    let packs = try directory.packs(db, in: range, before: StoreRow.logID(revision + 1))
    let gone = try forEachContent(db, of: packs) { bytes in
      var reader = PackReader(bytes, path: path)
      while let change = try reader.next() {
        guard change.revision <= revision else { break }
        let key = reader.text(change.key)
        guard range.contains(key) else { continue }
        newest.updateValue(reader.entry(change), forKey: KeyBytes(key))
      }
    }
    directory.miss(gone)
    return newest
  }

  /// Gives the contents of packs, in the order asked for.
  /// - Returns: those that are not there.
  static func forEachContent(
    _ db: Database,
    of packs: [Int64],
    _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Set<Int64> {
    let statement = try SQLStatement(db, "SELECT content FROM pack WHERE id = ?")
    defer { statement.reset() }
    var gone: Set<Int64> = []
    for pack in packs {
      statement.reset()
      statement.bind(pack, at: 1)
      if try statement.step() { try statement.withBytes(0, body) } else { gone.insert(pack) }
    }
    return gone
  }

  /// A key's value by its change at just this revision, if that lies in a pack.
  static func value(_ db: Database, of key: String, at revision: Revision, path: String) throws -> [UInt8]? {
    let statement = try SQLStatement(
      db,
      "SELECT content FROM pack WHERE id < ?1 AND id >= (\(commitStart)) ORDER BY id"
    )
    defer { statement.reset() }
    statement.bind(StoreRow.logID(revision + 1), at: 1)
    var found: [UInt8]?
    while try statement.step() {
      try statement.withBytes(0) { bytes in
        var reader = PackReader(bytes, path: path)
        while let change = try reader.next() {
          guard change.revision == revision, !change.isDeletion, reader.holds(key, change.key) else {
            continue
          }
          found = reader.array(change.value)
        }
      }
    }
    return found
  }

  /// Where the packs begin of the commit that made the last change before id `?1`.
  private static let commitStart = "SELECT base << 16 FROM pack WHERE id < ?1 ORDER BY id DESC LIMIT 1"

  /// Changes from a revision on, in whole revisions, by whole commits until there are `limit` of them.
  /// - Returns: the changes with their ids, in order, and the revision they go up to; `nil` if that is all there are.
  static func changes(
    _ db: Database,
    from: Revision,
    limit: Int,
    path: String
  ) throws -> (changes: [(id: Int64, change: Change)], upTo: Revision?) {
    let statement = try SQLStatement(
      db,
      "SELECT base, content FROM pack WHERE id >= coalesce((\(commitStart)), 0) ORDER BY id"
    )
    defer { statement.reset() }
    statement.bind(StoreRow.logID(from + 1), at: 1)
    var found: [(id: Int64, change: Change)] = []
    var base: Revision = 0
    var upTo: Revision?
    while try statement.step() {
      if statement.unsigned(0) != base, found.count >= limit {
        upTo = statement.unsigned(0) - 1
        break
      }
      base = statement.unsigned(0)
      try statement.withBytes(1) { bytes in
        var reader = PackReader(bytes, path: path)
        while let change = try reader.next() {
          guard change.revision >= from else { continue }
          let told = reader.entry(change).map { Change.put($0) }
          found.append((change.id, told ?? .delete(key: reader.text(change.key), revision: change.revision)))
        }
      }
    }
    // The packs of one commit overlap.
    return (found.sorted { $0.id < $1.id }, upTo)
  }
}
