import FabricStore

/// The content of a store in memory: every version of every key since the compaction, leases, and the changes in order.
/// A value without locks and clocks: the deadline of a lease is compared with a time that comes in.
struct FabricStoreMemoryHistory {
  private struct Version {
    var revision: Revision
    var createRevision: Revision
    /// `nil`: deleted at this revision.
    var value: [UInt8]?
    var lease: LeaseID?
  }

  private struct Lease {
    var ttl: Duration
    var deadline: Duration
    var keys: Set<[UInt8]> = []
  }

  private(set) var revision: Revision = 0
  private(set) var compactedRevision: Revision = 0
  private var lastLease: UInt64 = 0
  // Keys are bytes: Swift takes canonically equivalent texts for equal, stores do not.
  private var versions: [[UInt8]: [Version]] = [:]
  private var sortedKeys: [[UInt8]] = []
  private var newKeys: [[UInt8]] = []
  private var leases: [LeaseID: Lease] = [:]
  /// `log[i]` holds the changes of revision `logStart + i`.
  private var log: [[Change]] = []
  private var logStart: Revision = 1

  var nextDeadline: Duration? { leases.values.map(\.deadline).min() }

  // MARK: Reading

  mutating func read(_ range: KeyRange, at asked: Revision?, limit: Int?) throws(FabricStoreError)
    -> RangeReading
  {
    let wanted = asked ?? revision
    guard wanted >= compactedRevision else {
      throw FabricStoreError(.compacted, "revision \(wanted) is gone, the oldest is \(compactedRevision)")
    }
    guard wanted <= revision else {
      throw FabricStoreError(
        .invalidRequest,
        "revision \(wanted) is not there yet, the newest is \(revision)"
      )
    }
    sortKeys()
    let (start, end) = (Array(range.start.utf8), range.end.map { Array($0.utf8) })
    var entries: [Entry] = []
    var index = firstIndex(from: start)
    while index < sortedKeys.count {
      let key = sortedKeys[index]
      if let end, !key.lexicographicallyPrecedes(end) { break }
      if let entry = entry(key, at: wanted) {
        if let limit, entries.count >= max(0, limit) {
          return RangeReading(entries: entries, revision: wanted, more: true)
        }
        entries.append(entry)
      }
      index += 1
    }
    return RangeReading(entries: entries, revision: wanted, more: false)
  }

  private func entry(_ key: [UInt8], at wanted: Revision) -> Entry? {
    guard let version = versions[key]?.last(where: { $0.revision <= wanted }), let value = version.value
    else {
      return nil
    }
    return Entry(
      key: String(decoding: key, as: UTF8.self),
      value: value,
      createRevision: version.createRevision,
      modRevision: version.revision,
      lease: version.lease
    )
  }

  private mutating func sortKeys() {
    guard !newKeys.isEmpty else { return }
    sortedKeys += newKeys
    newKeys = []
    sortedKeys.sort { $0.lexicographicallyPrecedes($1) }
  }

  private func firstIndex(from start: [UInt8]) -> Int {
    var (low, high) = (0, sortedKeys.count)
    while low < high {
      let middle = (low + high) / 2
      if sortedKeys[middle].lexicographicallyPrecedes(start) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  // MARK: Transactions

  /// Throws `.leaseNotFound` if one of the operations attaches a key to a lease that is not live.
  func checkLeases(of transactions: [FabricTransaction]) throws(FabricStoreError) {
    for operation in transactions.lazy.flatMap(\.operations) {
      if case .put(let key, _, .some(let lease)) = operation, leases[lease] == nil {
        throw FabricStoreError(.leaseNotFound, "lease \(lease), which '\(key)' is attached to, is not live")
      }
    }
  }

  mutating func perform(_ transaction: FabricTransaction) -> TransactionResult {
    let holds = transaction.comparisons.allSatisfy { comparison in
      let entry = entry(Array(comparison.key.utf8), at: revision)
      return switch comparison {
      case .absent: entry == nil
      case .present: entry != nil
      case .modRevision(_, let wanted): (entry?.modRevision ?? 0) == wanted
      case .value(_, let value): entry?.value == value
      }
    }
    guard holds else {
      var seen: Set<[UInt8]> = []
      let keys = transaction.comparisons.map { Array($0.key.utf8) }.filter { seen.insert($0).inserted }
      return .refused(current: keys.compactMap { entry($0, at: revision) }, revision: revision)
    }
    apply(transaction.operations)
    return .applied(revision)
  }

  private mutating func apply(_ operations: [FabricOperation]) {
    let next = revision + 1
    var changes: [Change] = []
    for operation in operations {
      let key = Array(operation.key.utf8)
      let old = entry(key, at: revision)
      switch operation {
      case .put(_, let value, let lease):
        let created = old?.createRevision ?? next
        add(Version(revision: next, createRevision: created, value: value, lease: lease), to: key)
        attach(key, to: lease, from: old?.lease)
        let entry = Entry(
          key: operation.key,
          value: value,
          createRevision: created,
          modRevision: next,
          lease: lease
        )
        changes.append(.put(entry))
      case .delete:
        guard let old else { continue }
        add(Version(revision: next, createRevision: next, value: nil, lease: nil), to: key)
        attach(key, to: nil, from: old.lease)
        changes.append(.delete(key: operation.key, revision: next))
      }
    }
    guard !changes.isEmpty else { return }
    revision = next
    log.append(changes)
  }

  private mutating func add(_ version: Version, to key: [UInt8]) {
    if versions[key] == nil { newKeys.append(key) }
    versions[key, default: []].append(version)
  }

  private mutating func attach(_ key: [UInt8], to lease: LeaseID?, from old: LeaseID?) {
    if let old { leases[old]?.keys.remove(key) }
    if let lease { leases[lease]?.keys.insert(key) }
  }

  // MARK: Leases

  mutating func grant(ttl: Duration, now: Duration) -> LeaseGrant {
    lastLease += 1
    let id = LeaseID(lastLease)
    leases[id] = Lease(ttl: ttl, deadline: now + ttl)
    return LeaseGrant(id: id, generation: lastLease, ttl: ttl)
  }

  mutating func keepAlive(_ id: LeaseID, now: Duration) throws(FabricStoreError) {
    guard let lease = leases[id], lease.deadline > now else {
      throw FabricStoreError(.leaseNotFound, "lease \(id) ran out, was revoked, or never was")
    }
    leases[id]?.deadline = now + lease.ttl
  }

  mutating func revoke(_ id: LeaseID) {
    guard let lease = leases.removeValue(forKey: id), !lease.keys.isEmpty else { return }
    let keys = lease.keys.sorted { $0.lexicographicallyPrecedes($1) }
    apply(keys.map { .delete(String(decoding: $0, as: UTF8.self)) })
  }

  /// Ends every lease whose time is over, in the order in which they ran out.
  mutating func expire(now: Duration) {
    let due = leases.filter { $0.value.deadline <= now }
    for (id, _) in due.sorted(by: {
      ($0.value.deadline, $0.key.rawValue) < ($1.value.deadline, $1.key.rawValue)
    }) {
      revoke(id)
    }
  }

  // MARK: History

  /// Changes in `range` from `from` on, at most about `limit` of them, in whole revisions, and the revision told up to.
  func changes(in range: KeyRange, from: Revision, limit: Int) throws(FabricStoreError) -> WatchBatch? {
    guard from >= logStart else {
      throw FabricStoreError(.compacted, "revision \(from) is gone, the oldest is \(compactedRevision)")
    }
    var batch = WatchBatch(changes: [], revision: from)
    var next = max(from, logStart)
    guard next <= revision else { return nil }
    while next <= revision, batch.changes.count < limit {
      batch.changes += log[Int(next - logStart)].filter { range.contains($0.key) }
      batch.revision = next
      next += 1
    }
    return batch
  }

  mutating func compact(before asked: Revision) {
    let wanted = min(asked, revision)
    guard wanted > compactedRevision else { return }
    compactedRevision = wanted
    if wanted > logStart {
      log.removeFirst(Int(wanted - logStart))
      logStart = wanted
    }
    for (key, old) in versions {
      // The newest version at or before the compaction is what a read at that revision needs.
      guard let first = old.lastIndex(where: { $0.revision <= wanted }), first > 0 else { continue }
      versions[key] = Array(old[first...])
    }
  }
}
