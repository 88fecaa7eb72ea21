import FabricStore
import GRDB

/// What one SQLite transaction does: many callers' transactions, one after the other.
///
/// Every key that is compared or written is read once and then kept here; new values are written to `current` at the end,
/// in order of key, each key once however often it changed. A fence that a hundred registrations compare costs one look.
struct WriteBatch {
  /// A key's newest value.
  struct Held {
    var created: Revision
    var modified: Revision
    var lease: UInt64?
    /// `nil` while it was not read.
    var value: [UInt8]?
  }

  struct Slot {
    /// What the table holds now, if anything.
    var isStored: Bool
    var hadLease: Bool
    var held: Held?
    var isDirty = false
    /// Set for a key whose changes go into packs.
    var hash: KeyHash?
  }

  let db: Database
  let path: String
  let find: SQLStatement
  let look: SQLStatement
  private let appendLog: SQLStatement
  /// `nil` when the file has no packs.
  let packs: PackIndex?
  private let deferredPrefix: [UInt8]
  var hasCaughtUp = false
  var builders: [String: PackBuilder] = [:]
  var slots: [KeyBytes: Slot] = [:]
  private var dirtyKeys: [KeyBytes] = []
  private var liveLeases: [UInt64: Bool] = [:]
  private let opened: StoreRow
  private(set) var row: StoreRow
  /// What changed, in order.
  private(set) var changes: [Change] = []
  /// Something was written that is not a change of a key (a lease).
  var isTouched = false
  /// What the index of packs learns when the batch is durable.
  var additions: [PackIndex.Addition] = []
  var folded: PackFold.Slice?

  /// Begins: reads where the store is. Call it inside an immediate transaction.
  init(_ db: Database, path: String, packs: PackIndex?, deferredPrefix: String) throws {
    self.db = db
    self.path = path
    self.packs = packs
    self.deferredPrefix = Array(deferredPrefix.utf8)
    opened = try StoreRow(db, path: path)
    row = opened
    find = try SQLStatement(db, "SELECT created, modified, lease, value FROM current WHERE key = ?")
    look = try SQLStatement(db, "SELECT created, modified, lease FROM current WHERE key = ?")
    appendLog = try SQLStatement(db, "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
  }

  /// The revision that this batch began at.
  var firstRevision: Revision { opened.revision }

  // MARK: Transactions

  /// Performs a caller's transactions in order. Throws `.leaseNotFound` before anything is changed.
  mutating func perform(_ transactions: [FabricTransaction]) throws -> [TransactionResult] {
    for transaction in transactions {
      for operation in transaction.operations {
        guard case .put(let key, _, .some(let lease)) = operation else { continue }
        guard try isLive(lease.rawValue) else {
          throw FabricStoreError(.leaseNotFound, "lease \(lease), which '\(key)' is attached to, is not live")
        }
      }
    }
    var results: [TransactionResult] = []
    results.reserveCapacity(transactions.count)
    for transaction in transactions { results.append(try perform(transaction)) }
    return results
  }

  private mutating func perform(_ transaction: FabricTransaction) throws -> TransactionResult {
    for comparison in transaction.comparisons where try !holds(comparison) {
      return .refused(current: try compared(transaction.comparisons), revision: row.revision)
    }
    try apply(transaction.operations)
    return .applied(row.revision)
  }

  private mutating func holds(_ comparison: Comparison) throws -> Bool {
    let key = KeyBytes(comparison.key)
    let held = try load(key).held
    return switch comparison {
    case .absent: held == nil
    case .present: held != nil
    case .modRevision(_, let wanted): (held?.modified ?? 0) == wanted
    case .value(_, let value): try held != nil && self.value(of: key) == value
    }
  }

  private mutating func compared(_ comparisons: [Comparison]) throws -> [Entry] {
    var seen: Set<KeyBytes> = []
    var entries: [Entry] = []
    for comparison in comparisons {
      let key = KeyBytes(comparison.key)
      guard seen.insert(key).inserted, let held = try load(key).held else { continue }
      entries.append(entry(key.text, held, try value(of: key)))
    }
    return entries
  }

  mutating func apply(_ operations: [FabricOperation]) throws {
    let next = row.revision + 1
    guard next < StoreRow.limit else {
      throw FabricStoreError(.noSpace, "\(path): has used up its revisions")
    }
    var position: Int64 = 0
    for operation in operations {
      let key = KeyBytes(operation.key)
      var slot = try load(key)
      let old = slot.held
      switch operation {
      case .put(let text, let value, let lease):
        let new = Held(created: old?.created ?? next, modified: next, lease: lease?.rawValue, value: value)
        slot.held = new
        changes.append(.put(entry(text, new, value)))
      case .delete(let text):
        guard old != nil else { continue }
        slot.held = nil
        changes.append(.delete(key: text, revision: next))
      }
      if let hash = slot.hash {
        pack(StoreRow.logID(next) + position, key.text, hash, slot.held, at: next)
      } else {
        if !slot.isDirty { dirtyKeys.append(key) }
        slot.isDirty = true
        try log(StoreRow.logID(next) + position, key: key.text, new: slot.held, old: old)
      }
      slots[key] = slot
      position += 1
    }
    if position > 0 { row.revision = next }
  }

  private func log(_ id: Int64, key: String, new: Held?, old: Held?) throws {
    appendLog.bind(id, at: 1)
    appendLog.bind(bytesOf: key, at: 2)
    appendLog.bind(new?.created ?? 0, at: 3)
    appendLog.bind(new?.lease, at: 4)
    appendLog.bind(new?.value, at: 5)
    appendLog.bind(old?.created, at: 6)
    appendLog.bind(old?.modified, at: 7)
    appendLog.bind(old?.lease, at: 8)
    appendLog.bind(old?.value, at: 9)
    try appendLog.run()
  }

  mutating func load(_ key: KeyBytes) throws -> Slot {
    if let slot = slots[key] { return slot }
    if let packs, key.text.utf8.starts(with: deferredPrefix) { return try loadDeferred(key, packs) }
    find.bind(bytesOf: key.text, at: 1)
    defer { find.reset() }
    var slot = Slot(isStored: false, hadLease: false, held: nil)
    if try find.step() {
      let lease = find.isNull(2) ? nil : find.unsigned(2)
      let held = Held(
        created: find.unsigned(0),
        modified: find.unsigned(1),
        lease: lease,
        value: find.bytes(3)
      )
      slot = Slot(isStored: true, hadLease: lease != nil, held: held)
    }
    slots[key] = slot
    return slot
  }

  private func entry(_ key: String, _ held: Held, _ value: [UInt8]) -> Entry {
    Entry(
      key: key,
      value: value,
      createRevision: held.created,
      modRevision: held.modified,
      lease: held.lease.map { LeaseID($0) }
    )
  }

  // MARK: Leases

  private mutating func isLive(_ lease: UInt64) throws -> Bool {
    if let known = liveLeases[lease] { return known }
    let statement = try SQLStatement(db, "SELECT 1 FROM lease WHERE id = ? AND deadline > ? AND boot = ?")
    defer { statement.reset() }
    statement.bind(lease, at: 1)
    statement.bind(MachineClock.sinceBoot, at: 2)
    statement.bind(text: MachineClock.bootID, at: 3)
    let isLive = try statement.step()
    liveLeases[lease] = isLive
    return isLive
  }

  mutating func grant(ttl: Duration) throws -> LeaseGrant {
    row.lastLease += 1
    let statement = try SQLStatement(db, "INSERT INTO lease VALUES (?, ?, ?, ?)")
    statement.bind(row.lastLease, at: 1)
    statement.bind(ttl.wholeNanoseconds, at: 2)
    statement.bind(MachineClock.sinceBoot &+ ttl.wholeNanoseconds, at: 3)
    statement.bind(text: MachineClock.bootID, at: 4)
    try statement.run()
    isTouched = true
    liveLeases[row.lastLease] = true
    return LeaseGrant(id: LeaseID(row.lastLease), generation: row.lastLease, ttl: ttl)
  }

  mutating func keepAlive(_ lease: UInt64) throws {
    liveLeases[lease] = nil
    guard try isLive(lease) else {
      throw FabricStoreError(.leaseNotFound, "lease \(LeaseID(lease)) ran out, was revoked, or never was")
    }
    let statement = try SQLStatement(db, "UPDATE lease SET deadline = ? + ttl WHERE id = ?")
    statement.bind(MachineClock.sinceBoot, at: 1)
    statement.bind(lease, at: 2)
    try statement.run()
    isTouched = true
  }

  /// Ends a lease and deletes its keys; nothing happens when it is gone.
  mutating func revoke(_ lease: UInt64) throws {
    try flush()
    liveLeases[lease] = false
    var keys: [String] = []
    let attached = try SQLStatement(db, "SELECT key FROM current WHERE lease = ? ORDER BY key")
    attached.bind(lease, at: 1)
    do {
      defer { attached.reset() }
      while try attached.step() { keys.append(attached.text(0)) }
    }
    if let packs { keys = try withDeferred(keys, of: lease, packs) }
    // A revision of the log has room for a limited number of changes; far more keys than any lease of ours has.
    for start in stride(from: 0, to: keys.count, by: Int(FabricSchema.positions)) {
      try apply(keys[start...].prefix(Int(FabricSchema.positions)).map { .delete($0) })
    }
    let statement = try SQLStatement(db, "DELETE FROM lease WHERE id = ?")
    statement.bind(lease, at: 1)
    try statement.run()
    isTouched = true
  }

  /// Ends the leases whose time is over, oldest deadline first.
  mutating func reap() throws {
    for lease in try DueLeases.find(db) { try revoke(lease) }
  }

  // MARK: History

  mutating func compact(before revision: Revision) {
    row.compacted = max(row.compacted, min(revision, row.revision))
  }

  /// Cuts off forgotten history, at most `limit` changes.
  mutating func trimLog(limit: Int64) throws {
    let edge = StoreRow.logID(row.compacted)
    let statement = try SQLStatement(
      db,
      "DELETE FROM log WHERE id < ?1 AND id <= (SELECT max(id) FROM (SELECT id FROM log WHERE id < ?1 ORDER BY id LIMIT ?2))"
    )
    statement.bind(edge, at: 1)
    statement.bind(limit, at: 2)
    try statement.run()
    isTouched = true
  }

  // MARK: End

  /// Writes what the batch collected. Whether there is anything to commit.
  mutating func finish() throws -> Bool {
    try flush()
    try writePacks()
    guard row != opened || isTouched else { return false }
    if row != opened {
      let statement = try SQLStatement(db, "UPDATE store SET revision = ?, compacted = ?, lastLease = ?")
      statement.bind(row.revision, at: 1)
      statement.bind(row.compacted, at: 2)
      statement.bind(row.lastLease, at: 3)
      try statement.run()
    }
    return true
  }

  /// Brings table `current` up to date with the slots.
  private mutating func flush() throws {
    guard !dirtyKeys.isEmpty else { return }
    let dirty = dirtyKeys.sorted()
    dirtyKeys.removeAll(keepingCapacity: true)
    let insert = try SQLStatement(db, "INSERT INTO current VALUES (?1, ?2, ?3, ?4, ?5)")
    let update = try SQLStatement(db, "UPDATE current SET modified = ?3, value = ?5 WHERE key = ?1")
    let replace = try SQLStatement(
      db,
      "UPDATE current SET created = ?2, modified = ?3, lease = ?4, value = ?5 WHERE key = ?1"
    )
    let delete = try SQLStatement(db, "DELETE FROM current WHERE key = ?1")
    for key in dirty {
      guard let slot = slots[key] else { continue }
      if let held = slot.held {
        let isSimple = slot.isStored && !slot.hadLease && held.lease == nil && held.created <= opened.revision
        let statement = isSimple ? update : slot.isStored ? replace : insert
        statement.bind(bytesOf: key.text, at: 1)
        if !isSimple {
          statement.bind(held.created, at: 2)
          statement.bind(held.lease, at: 4)
        }
        statement.bind(held.modified, at: 3)
        statement.bind(held.value, at: 5)
        try statement.run()
      } else if slot.isStored {
        delete.bind(bytesOf: key.text, at: 1)
        try delete.run()
      }
      slots[key] = Slot(isStored: slot.held != nil, hadLease: slot.held?.lease != nil, held: slot.held)
    }
  }
}

/// Leases whose time is over: by this machine's clock, or because it was started again since.
enum DueLeases {
  static func find(_ db: Database) throws -> [UInt64] {
    let statement = try SQLStatement(
      db,
      "SELECT id FROM lease WHERE deadline <= ?1 OR boot <> ?2 ORDER BY boot = ?2, deadline, id"
    )
    defer { statement.reset() }
    statement.bind(MachineClock.sinceBoot, at: 1)
    statement.bind(text: MachineClock.bootID, at: 2)
    var due: [UInt64] = []
    while try statement.step() { due.append(statement.unsigned(0)) }
    return due
  }
}
