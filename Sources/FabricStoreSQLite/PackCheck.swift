import FabricStore
import GRDB

/// What a look at the packs of a fabric file found.
struct PackCheck {
  /// Revisions above the compacted one that packs tell of.
  private(set) var revisions: Set<Revision> = []
  /// The keys that packs tell of.
  private(set) var keys: Set<KeyBytes> = []
  /// How many more keys there are than table `current` has.
  private(set) var moreKeys = 0
  private(set) var problems: [String] = []

  /// Of a file without packs.
  init() {}

  init(_ db: Database, _ row: StoreRow, path: String) throws {
    var wrong = 0
    let find = try SQLStatement(db, "SELECT modified FROM current WHERE key = ?")
    for packs in try PackFold.parts(db, upTo: StoreRow.limit) {
      for pack in packs { try read(db, pack, row, path: path) }
      let items = try PackedItems(db, of: packs, path: path)
      for change in items.changes {
        let key = items.withBytes(change.key) { bytes in
          find.bind(bytes, at: 1)
          return String(decoding: bytes, as: UTF8.self)
        }
        keys.insert(KeyBytes(key))
        if change.revision > row.revision
          || (!change.isDeletion && (change.created == 0 || change.created > change.revision))
        {
          wrong += 1
        }
        let isThere = try find.step()
        find.reset()
        moreKeys += (change.isDeletion ? 0 : 1) - (isThere ? 1 : 0)
      }
    }
    if wrong > 0 {
      problems.append(
        "\(wrong) keys in packs changed at a revision that the store has not reached, or before they were created"
      )
    }
  }

  /// Reads a pack's revisions; its changes are in order, and its id is that of the first.
  private mutating func read(_ db: Database, _ pack: Int64, _ row: StoreRow, path: String) throws {
    let statement = try SQLStatement(db, "SELECT base, content FROM pack WHERE id = ?")
    defer { statement.reset() }
    statement.bind(pack, at: 1)
    guard try statement.step() else { return }
    let base = statement.unsigned(0)
    var last: Int64 = 0
    try statement.withBytes(1) { bytes in
      var reader = PackReader(bytes, path: path)
      while let change = try reader.next() {
        if change.id <= last || (last == 0 && change.id != pack) || change.revision < base {
          problems.append("pack \(pack) has its changes out of order")
          return
        }
        last = change.id
        if change.revision > row.compacted { revisions.insert(change.revision) }
      }
    }
  }
}
