import FabricStore
import GRDB

/// Brings the changes of older packs into table `current`, each key once however often it changed, in order of key, so that
/// a page of the table is written once for all of its keys. It goes prefix by prefix: first its keys, then its packs are
/// deleted, oldest first. In between a key is both here and there, which is right for every reader: what a pack says
/// comes before what the table says.
struct PackFold {
  /// What one batch folds.
  struct Slice {
    var items: PackedItems
    /// Those of `items` that are folded.
    var places: Range<Int>
    var packs: ArraySlice<Int64>
    var upTo: Revision
  }

  /// Packs up to here are folded; no state before it can be read any more.
  let upTo: Revision
  private var items = PackedItems()
  private var packs: [Int64] = []
  private var nextItem = 0
  private var nextPack = 0
  /// The packs of each prefix that was not begun, the next one last.
  private var parts: [[Int64]]

  // A pack that is deleted costs about as much as so many keys.
  private static let keysPerPack = 4

  init(upTo: Revision, parts: [[Int64]]) {
    self.upTo = upTo
    self.parts = parts
  }

  /// Whether the part that was read is done.
  var isEmpty: Bool { nextItem == items.changes.count && nextPack == packs.count }

  /// The packs of the next part; `nil` when there is none.
  mutating func takePart() -> [Int64]? { parts.popLast() }

  /// Goes on with a part.
  mutating func begin(_ items: PackedItems, _ packs: [Int64]) {
    (self.items, self.packs) = (items, packs)
    (nextItem, nextPack) = (0, 0)
  }

  /// What comes next.
  func slice(_ count: Int) -> Slice? {
    let left = items.changes.count - nextItem
    if left > 0 {
      return Slice(items: items, places: nextItem..<(nextItem + min(left, count)), packs: [], upTo: upTo)
    }
    guard nextPack < packs.count else { return nil }
    return Slice(
      items: PackedItems(),
      places: 0..<0,
      packs: packs[nextPack...].prefix(max(1, count / Self.keysPerPack)),
      upTo: upTo
    )
  }

  /// A slice has become durable.
  mutating func accept(_ slice: Slice) {
    nextItem += slice.places.count
    nextPack += slice.packs.count
  }

  // MARK: Reading

  /// The packs up to a revision, oldest first, by their prefixes.
  static func parts(_ db: Database, upTo revision: Revision) throws -> [[Int64]] {
    let statement = try SQLStatement(db, "SELECT prefix, id FROM pack WHERE id < ? ORDER BY id")
    defer { statement.reset() }
    statement.bind(StoreRow.logID(revision + 1), at: 1)
    var parts: [KeyBytes: [Int64]] = [:]
    while try statement.step() {
      parts[KeyBytes(statement.text(0)), default: []].append(statement.integer(1))
    }
    return parts.sorted { $0.key > $1.key }.map(\.value)
  }

  // MARK: Writing

  /// Writes a slice into table `current`. The caller has made sure that history up to `slice.upTo` is forgotten.
  static func write(_ slice: Slice, _ db: Database) throws {
    if !slice.places.isEmpty {
      let put = try SQLStatement(
        db,
        """
        INSERT INTO current VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(key) DO UPDATE
        SET created = excluded.created, modified = excluded.modified, lease = excluded.lease, value = excluded.value
        """
      )
      let delete = try SQLStatement(db, "DELETE FROM current WHERE key = ?1")
      for change in slice.items.changes[slice.places] {
        let statement = change.isDeletion ? delete : put
        slice.items.withBytes(change.key) { statement.bind($0, at: 1) }
        if !change.isDeletion {
          put.bind(change.created, at: 2)
          put.bind(change.revision, at: 3)
          put.bind(change.lease == 0 ? nil : change.lease, at: 4)
          slice.items.withBytes(change.value) { put.bind($0, at: 5) }
        }
        try statement.run()
      }
    }
    guard !slice.packs.isEmpty else { return }
    let remove = try SQLStatement(db, "DELETE FROM pack WHERE id = ?1")
    for pack in slice.packs {
      remove.bind(pack, at: 1)
      try remove.run()
    }
  }

  /// Folds every pack at once, of a file that nobody else uses.
  static func foldAll(_ db: Database, path: String) throws {
    let row = try StoreRow(db, path: path)
    for packs in try parts(db, upTo: row.revision) {
      let items = try PackedItems(db, of: packs, path: path)
      let all = Slice(items: items, places: items.changes.indices, packs: packs[...], upTo: row.revision)
      try write(all, db)
    }
  }
}
