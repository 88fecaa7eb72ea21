import FabricStore
import GRDB

/// Brings the changes of older packs into table `current`, each key once however often it changed, in order of key, so that
/// a page of the table is written once for all of its keys. It goes prefix by prefix: first its keys, then its packs are
/// deleted, oldest first. In between a key is both here and there, which is right for every reader: what a pack says
/// comes before what the table says.
struct PackFold {
  /// A key as it was at `upTo`.
  struct Item {
    var key: String
    var created: Revision
    var modified: Revision
    var lease: UInt64?
    /// `nil` when it was deleted.
    var value: [UInt8]?
  }

  /// What one batch folds.
  struct Slice {
    var items: ArraySlice<Item>
    var packs: ArraySlice<Int64>
    var upTo: Revision
  }

  /// Packs up to here are folded; no state before it can be read any more.
  let upTo: Revision
  private var items: [Item] = []
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
  var isEmpty: Bool { nextItem == items.count && nextPack == packs.count }

  /// The packs of the next part; `nil` when there is none.
  mutating func takePart() -> [Int64]? { parts.popLast() }

  /// Goes on with a part.
  mutating func begin(_ items: [Item], _ packs: [Int64]) {
    (self.items, self.packs) = (items, packs)
    (nextItem, nextPack) = (0, 0)
  }

  /// What comes next.
  func slice(_ count: Int) -> Slice? {
    if nextItem < items.count {
      return Slice(items: items[nextItem...].prefix(count), packs: [], upTo: upTo)
    }
    guard nextPack < packs.count else { return nil }
    return Slice(items: [], packs: packs[nextPack...].prefix(max(1, count / Self.keysPerPack)), upTo: upTo)
  }

  /// A slice has become durable.
  mutating func accept(_ slice: Slice) {
    nextItem += slice.items.count
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

  /// The newest change of each key in these packs, in order of key.
  static func items(_ db: Database, of packs: [Int64], path: String) throws -> [Item] {
    let statement = try SQLStatement(db, "SELECT content FROM pack WHERE id = ?")
    defer { statement.reset() }
    var places: [KeyBytes: Int] = [:]
    var items: [Item] = []
    for pack in packs {
      statement.reset()
      statement.bind(pack, at: 1)
      guard try statement.step() else { continue }
      try statement.withBytes(0) { bytes in
        var reader = PackReader(bytes, path: path)
        while let change = try reader.next() {
          let item = Item(
            key: reader.text(change.key),
            created: change.created,
            modified: change.revision,
            lease: change.lease == 0 ? nil : change.lease,
            value: change.isDeletion ? nil : reader.array(change.value)
          )
          if let place = places[KeyBytes(item.key)] {
            items[place] = item
          } else {
            places[KeyBytes(item.key)] = items.count
            items.append(item)
          }
        }
      }
    }
    return items.sorted { KeyBytes($0.key) < KeyBytes($1.key) }
  }

  // MARK: Writing

  /// Writes a slice into table `current`. The caller has made sure that history up to `slice.upTo` is forgotten.
  static func write(_ slice: Slice, _ db: Database) throws {
    if !slice.items.isEmpty {
      let put = try SQLStatement(
        db,
        """
        INSERT INTO current VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(key) DO UPDATE
        SET created = excluded.created, modified = excluded.modified, lease = excluded.lease, value = excluded.value
        """
      )
      let delete = try SQLStatement(db, "DELETE FROM current WHERE key = ?1")
      for item in slice.items {
        guard let value = item.value else {
          delete.bind(bytesOf: item.key, at: 1)
          try delete.run()
          continue
        }
        put.bind(bytesOf: item.key, at: 1)
        put.bind(item.created, at: 2)
        put.bind(item.modified, at: 3)
        put.bind(item.lease, at: 4)
        put.bind(value, at: 5)
        try put.run()
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
      let items = try items(db, of: packs, path: path)
      try write(Slice(items: items[...], packs: packs[...], upTo: row.revision), db)
    }
  }
}
