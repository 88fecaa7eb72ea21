/// A revision of the store: every transaction that changes something raises it by one, and all keys of one transaction
/// share it. 0 is before the first.
public typealias Revision = UInt64

/// The store that a pool's truth is kept in, shaped like etcd: ordered keys with revisions, compare-and-swap
/// transactions, leases, a watch without gaps. Adapters: SQLite on one machine, etcd across machines. All pass one
/// conformance suite, `FabricStoreConformance` in PoolTesting.
///
/// Everything here may be called from any task. A call that was cancelled or timed out has an unknown outcome: read back.
public protocol FabricStore: Sendable {
  /// Identity of the store, constant for its life: it tells one store from another behind the same address.
  var identity: String { get async throws(FabricStoreError) }

  /// Reads a range of keys, in order of key, at one revision.
  /// - Parameters:
  ///   - range: which keys.
  ///   - revision: the state as of this revision; `nil` for the newest. Throws `.compacted` if it is gone.
  ///   - limit: at most so many entries; `more` then says whether there are others. Read on with a range that starts
  ///     behind the last key, at the answer's own revision.
  func read(_ range: KeyRange, at revision: Revision?, limit: Int?) async throws(FabricStoreError)
    -> RangeReading

  /// Performs transactions in order, durably before it returns. Each succeeds or fails alone by its own comparisons and
  /// sees the ones before it; those of one call may share a revision. They become durable together: if this throws, the
  /// outcome of all of them is unknown unless the error's `outcome` says `.notApplied`.
  /// - Parameter urgent: goes before other callers' and other processes' waiting writers; for leases and role changes.
  func commit(_ transactions: [FabricTransaction], urgent: Bool) async throws(FabricStoreError)
    -> [TransactionResult]

  /// The same as `commit(_:urgent:)`, for callers that count their microseconds: the outcome is told from whatever thread
  /// has it, once, and a call cannot be cancelled. An adapter that has nothing faster leaves it to the extension.
  func submit(
    _ transactions: [FabricTransaction],
    urgent: Bool,
    completion: @escaping @Sendable (Result<[TransactionResult], FabricStoreError>) -> Void
  )

  /// Grants a lease.
  /// - Parameter ttl: time to live, at least 1 s; the store may grant more, and says so.
  func grantLease(ttl: Duration) async throws(FabricStoreError) -> LeaseGrant

  /// Renews a lease to its full time to live. Throws `.leaseNotFound` when it ran out or was revoked.
  func keepAlive(_ lease: LeaseID) async throws(FabricStoreError)

  /// Ends a lease now and deletes the keys attached to it. No error when it is gone already.
  func revoke(_ lease: LeaseID) async throws(FabricStoreError)

  /// Follows a range: every change with a revision of at least `from`, in order, none left out, none twice; one batch
  /// holds whole revisions. Ends by throwing `.compacted` when `from` is no longer kept: then read the range afresh and
  /// watch from behind that reading. A batch may be empty: it then only tells how far the store is.
  func watch(_ range: KeyRange, from revision: Revision) -> AsyncThrowingStream<WatchBatch, any Error>

  /// Pool time: the store's clock.
  func now() async throws(FabricStoreError) -> StoreTime

  /// Forgets history before `revision`; the newest value of each key stays.
  func compact(before revision: Revision) async throws(FabricStoreError)

  /// Health, size and members, for the fabric state and for operators.
  func status() async throws(FabricStoreError) -> StoreStatus

  /// Has the store led by none of these members, as far as it can: before their host goes. Nothing to do for a store
  /// without a leader.
  func moveLead(off members: Set<String>) async throws(FabricStoreError)

  /// Stops watches, waits for commits in flight, closes.
  func close() async
}

extension FabricStore {
  /// By way of a task.
  public func submit(
    _ transactions: [FabricTransaction],
    urgent: Bool,
    completion: @escaping @Sendable (Result<[TransactionResult], FabricStoreError>) -> Void
  ) {
    Task {
      do throws(FabricStoreError) {
        completion(.success(try await commit(transactions, urgent: urgent)))
      } catch {
        completion(.failure(error))
      }
    }
  }

  /// A store in one place has nothing to move.
  public func moveLead(off members: Set<String>) async throws(FabricStoreError) {}

  /// One transaction; see `commit(_:urgent:)`.
  public func commit(_ transaction: FabricTransaction, urgent: Bool = false) async throws(FabricStoreError)
    -> TransactionResult
  {
    let results = try await commit([transaction], urgent: urgent)
    guard let result = results.first else {
      throw FabricStoreError(.corrupt, "the store answered a transaction with nothing")
    }
    return result
  }

  /// The newest value of one key.
  public func read(_ key: String) async throws(FabricStoreError) -> Entry? {
    try await read(.key(key), at: nil, limit: 1).entries.first
  }

  /// Every entry of a range at one revision, read in pages.
  public func readAll(_ range: KeyRange, at revision: Revision? = nil, page: Int = 5_000)
    async throws(FabricStoreError) -> RangeReading
  {
    var all = RangeReading(entries: [], revision: 0, more: false)
    try await readPages(range, at: revision, page: page) { reading throws(FabricStoreError) in
      all.revision = reading.revision
      all.entries += reading.entries
      return true
    }
    return all
  }

  /// Reads a range at one revision, page by page: that of the first page when none is given.
  /// - Parameters:
  ///   - page: how many entries a page has at most.
  ///   - take: takes a page; `false` ends the reading.
  public func readPages(
    _ range: KeyRange,
    at revision: Revision? = nil,
    page: Int = 5_000,
    _ take: (RangeReading) async throws(FabricStoreError) -> Bool
  ) async throws(FabricStoreError) {
    var (range, revision) = (range, revision)
    while true {
      let reading = try await read(range, at: revision, limit: page)
      guard try await take(reading), reading.more, let last = reading.entries.last else { return }
      (range, revision) = (range.after(last.key), reading.revision)
    }
  }
}
