public import FabricStore
import Synchronization

/// A store in memory that several clients share: the world behind `MemoryFabricStore`.
public final class MemoryFabric: Sendable {
  private struct State {
    var history = FabricStoreMemoryHistory()
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextWaiter = 0
    var isReaping = false
  }

  private let state = Mutex(State())
  /// The store's clock; leases follow it.
  public let clock: FabricStoreClock
  let identity: String

  /// An empty store.
  public init(clock: FabricStoreClock = .running(), identity: String = "memory") {
    self.clock = clock
    self.identity = identity
    clock.onAdvance { [weak self] in self?.perform { _ in } }
  }

  /// Another client of this store, with faults of its own.
  public func client() -> MemoryFabricStore { MemoryFabricStore(on: self) }

  /// Ends every wait, so that clients look at their own state again.
  func wakeAll() {
    let waiters = state.withLock { state in
      defer { state.waiters = [:] }
      return state.waiters
    }
    for waiter in waiters.values { waiter.resume() }
  }

  /// Runs `body` on the content after ending the leases that are due, and wakes the watches if the content changed.
  func perform<T: Sendable, Failure>(
    _ body: (inout FabricStoreMemoryHistory) throws(Failure) -> T
  ) throws(Failure) -> T {
    let (result, changed, startsReaper) = state.withLock { state -> (Result<T, Failure>, Bool, Bool) in
      let before = state.history.revision
      state.history.expire(now: clock.now)
      let result: Result<T, Failure>
      do throws(Failure) { result = .success(try body(&state.history)) } catch { result = .failure(error) }
      let startsReaper = !clock.isManual && !state.isReaping && state.history.nextDeadline != nil
      if startsReaper { state.isReaping = true }
      return (result, state.history.revision != before, startsReaper)
    }
    if changed { wakeAll() }
    if startsReaper { reap() }
    return try result.get()
  }

  /// Waits until something may have changed, unless `isDue` says that there is something to do already.
  func wait(unless isDue: @Sendable (borrowing FabricStoreMemoryHistory) -> Bool) async {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDone = state.withLock { state in
          if Task.isCancelled || isDue(state.history) { return true }
          state.waiters[number] = continuation
          return false
        }
        if isDone { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
    }
  }

  /// With a clock that goes by itself: ends leases promptly although nobody calls the store.
  private func reap() {
    Task { [weak self] in
      while true {
        try? await Task.sleep(for: .milliseconds(10))
        guard let self else { return }
        self.perform { _ in }
        let isOver = self.state.withLock { state in
          if state.history.nextDeadline == nil { state.isReaping = false }
          return !state.isReaping
        }
        if isOver { return }
      }
    }
  }
}

/// A client of a store in memory, for tests. `MemoryFabric.client()` makes further clients of the same store.
public final class MemoryFabricStore: FabricStore {
  /// The store that this is a client of.
  public let fabric: MemoryFabric
  /// Faults of this client.
  public let faults = FabricStoreFaults()
  private let isClosed = Atomic(false)

  /// A client of `fabric`, by default of a new store of its own.
  public init(on fabric: MemoryFabric = MemoryFabric()) { self.fabric = fabric }

  /// Name of the store.
  public var identity: String {
    get async throws(FabricStoreError) {
      try check()
      return fabric.identity
    }
  }

  private func check(outcome: FabricStoreError.Outcome = .notApplied) throws(FabricStoreError) {
    guard !isClosed.load(ordering: .acquiring) else {
      throw FabricStoreError(.unavailable, "the store is closed")
    }
    try faults.checkReachable(outcome: outcome)
  }

  /// Reads a range as the port says.
  public func read(
    _ range: KeyRange,
    at revision: Revision?,
    limit: Int?
  ) async throws(FabricStoreError) -> RangeReading {
    try check()
    return try fabric.perform { history throws(FabricStoreError) in
      try history.read(range, at: revision, limit: limit)
    }
  }

  /// Commits as the port says, with the faults of this client.
  public func commit(
    _ transactions: [FabricTransaction],
    urgent: Bool
  ) async throws(FabricStoreError) -> [TransactionResult] {
    try FabricLimits.check(transactions)
    let delay = faults.beforeCommit()
    if delay > .zero {
      do { try await Task.sleep(for: delay) } catch {
        throw FabricStoreError(.unavailable, "the commit was cancelled", outcome: .unknown)
      }
    }
    try check(outcome: .unknown)
    let failure = faults.nextFailure(transactions)
    if let failure, !failure.isApplied { throw failure.error }
    let results = try fabric.perform { history throws(FabricStoreError) in
      try history.checkLeases(of: transactions)
      return transactions.map { history.perform($0) }
    }
    if let failure { throw failure.error }
    return results
  }

  /// Grants a lease; generations are the numbers of the leases.
  public func grantLease(ttl: Duration) async throws(FabricStoreError) -> LeaseGrant {
    try FabricLimits.check(ttl: ttl)
    try check(outcome: .unknown)
    return fabric.perform { $0.grant(ttl: ttl, now: fabric.clock.now) }
  }

  /// Renews a lease.
  public func keepAlive(_ lease: LeaseID) async throws(FabricStoreError) {
    try check()
    try fabric.perform { history throws(FabricStoreError) in
      try history.keepAlive(lease, now: fabric.clock.now)
    }
  }

  /// Ends a lease.
  public func revoke(_ lease: LeaseID) async throws(FabricStoreError) {
    try check(outcome: .unknown)
    fabric.perform { $0.revoke(lease) }
  }

  /// Follows a range; tells of revisions that do not touch it with empty batches.
  public func watch(_ range: KeyRange, from revision: Revision) -> AsyncThrowingStream<WatchBatch, any Error>
  {
    let cursor = Mutex(max(1, revision))
    return AsyncThrowingStream { [fabric, faults, self] () async throws -> WatchBatch? in
      while !Task.isCancelled, !self.isClosed.load(ordering: .acquiring) {
        let from = cursor.withLock { $0 }
        if faults.isPartitioned {
          try? await Task.sleep(for: .milliseconds(2))
          continue
        }
        let batch = try fabric.perform { history throws(FabricStoreError) in
          try history.changes(in: range, from: from, limit: 1_000)
        }
        if let batch {
          cursor.withLock { $0 = batch.revision + 1 }
          return batch
        }
        await fabric.wait { $0.revision >= from || self.isClosed.load(ordering: .acquiring) }
      }
      return nil
    }
  }

  /// The time of the clock that the store was made with.
  public func now() async throws(FabricStoreError) -> StoreTime {
    try check()
    return StoreTime(milliseconds: fabric.clock.milliseconds)
  }

  /// Forgets history.
  public func compact(before revision: Revision) async throws(FabricStoreError) {
    try check()
    fabric.perform { $0.compact(before: revision) }
  }

  /// Always healthy.
  public func status() async throws(FabricStoreError) -> StoreStatus {
    try check()
    return fabric.perform { history in
      StoreStatus(
        name: "memory:\(fabric.identity)",
        revision: history.revision,
        compactedRevision: history.compactedRevision,
        size: 0,
        members: [StoreStatus.Member(name: "memory", isHealthy: true, isLeader: true)],
        alarms: []
      )
    }
  }

  /// Ends the watches of this client; later calls throw `.unavailable`.
  public func close() async {
    isClosed.store(true, ordering: .releasing)
    fabric.wakeAll()
  }
}
