import FabricStore
import GRDB

/// Keys whose changes go into packs.
extension WriteBatch {
  /// What is known of such a key: by its newest change in a pack, or else by table `current`. Its value is not read, because
  /// hardly anybody compares it.
  mutating func loadDeferred(_ key: KeyBytes, _ packs: PackIndex) throws -> Slot {
    try catchUp(packs)
    let hash = KeyHash(key.text)
    var slot = Slot(isStored: false, hadLease: false, held: nil, hash: hash)
    if let newest = packs.newest(hash) {
      if newest.created > 0 {
        slot.held = Held(
          created: newest.created,
          modified: newest.revision,
          lease: packs.lease(of: key.text),
          value: nil
        )
      }
    } else {
      look.bind(bytesOf: key.text, at: 1)
      defer { look.reset() }
      if try look.step() {
        slot.held = Held(
          created: look.unsigned(0),
          modified: look.unsigned(1),
          lease: look.isNull(2) ? nil : look.unsigned(2),
          value: nil
        )
      }
    }
    slots[key] = slot
    return slot
  }

  private mutating func catchUp(_ packs: PackIndex) throws {
    guard !hasCaughtUp else { return }
    try packs.catchUp(db, to: firstRevision, path: path)
    hasCaughtUp = true
  }

  /// The newest value of a key that is there.
  mutating func value(of key: KeyBytes) throws -> [UInt8] {
    guard var slot = slots[key], let held = slot.held else { return [] }
    if let value = held.value { return value }
    var value = try PackQuery.value(db, of: key.text, at: held.modified, path: path)
    if value == nil {
      find.bind(bytesOf: key.text, at: 1)
      defer { find.reset() }
      if try find.step(), find.unsigned(1) == held.modified { value = find.bytes(3) }
    }
    guard let value else {
      throw SQLiteFailure.corrupt(
        path: path,
        detail: "the value of '\(key.text)' at \(held.modified) is missing"
      )
    }
    slot.held?.value = value
    slots[key] = slot
    return value
  }

  /// Puts a change into the pack of its prefix.
  mutating func pack(_ id: Int64, _ key: String, _ hash: KeyHash, _ new: Held?, at revision: Revision) {
    builders[Self.prefix(of: key), default: PackBuilder()].append(
      id: id,
      created: new?.created ?? 0,
      lease: new?.lease,
      key: key,
      value: new.map { $0.value ?? [] }
    )
    additions.append(
      PackIndex.Addition(
        hash: hash,
        newest: PackIndex.Newest(revision: revision, created: new?.created ?? 0),
        key: key,
        lease: new?.lease
      )
    )
  }

  /// A key up to its last slash.
  private static func prefix(of key: String) -> String {
    guard let slash = key.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
    return String(key.utf8[...slash]) ?? ""
  }

  /// Writes the packs.
  mutating func writePacks() throws {
    guard !builders.isEmpty else { return }
    let insert = try SQLStatement(db, "INSERT INTO pack VALUES (?1, ?2, ?3, ?4)")
    // In order of their ids, at the table's end.
    for (prefix, builder) in builders.sorted(by: { $0.value.first < $1.value.first }) {
      insert.bind(builder.first, at: 1)
      insert.bind(firstRevision + 1, at: 2)
      insert.bind(bytesOf: prefix, at: 3)
      insert.bind(builder.content, at: 4)
      try insert.run()
    }
    builders.removeAll()
  }

  /// All keys attached to a lease: those of table `current` unless a pack says otherwise, and those that packs say it of.
  mutating func withDeferred(
    _ keys: [String],
    of lease: UInt64,
    _ packs: PackIndex
  ) throws -> [String] {
    try catchUp(packs)
    var all = Set(keys.map(KeyBytes.init))
    all.formUnion(packs.keys(of: lease).map(KeyBytes.init))
    all.formUnion(slots.lazy.filter { $0.value.hash != nil && $0.value.held?.lease == lease }.map(\.key))
    return try all.filter { try load($0).held?.lease == lease }.sorted().map(\.text)
  }

  /// Folds older packs, as far as that is wanted: at most so many keys.
  mutating func fold(_ count: Int) throws {
    guard count > 0, folded == nil, let slice = packs?.slice(count) else { return }
    compact(before: slice.upTo)
    try PackFold.write(slice, db)
    folded = slice
    isTouched = true
  }
}
