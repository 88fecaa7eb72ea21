import Dispatch
public import FabricStore
import GRDB
import Glibc
import Synchronization

/// A fabric store in an SQLite file, for a pool whose servers run on one machine. Any number of processes (up to 128 open
/// stores) use the file at the same time.
///
/// - Commits are durable when they return: write-ahead log with `synchronous = FULL`. Concurrent commits of one process
///   share one disk sync; processes take turns in order, urgent ones first (docs/decisions/0004-fair-writers.md).
/// - Beside the file lie SQLite's own `-wal` and `-shm`, and `.turns`, through which the processes take turns and tell
///   each other of commits. None of them may be removed while the pool runs.
/// - After a commit that failed because of the disk, every write throws until the file was opened again and found sound.
public final class SQLiteFabricStore: FabricStore {
  private let engine: FabricEngine

  /// Opens the file, and makes it when it is not there.
  /// - Throws: `.unsuitable` (a network file system, another program's file), `.newerFormat`, `.readOnly`, `.corrupt`,
  ///   `.noSpace`, `.unavailable`.
  public init(
    path: String,
    configuration: SQLiteFabricConfiguration = SQLiteFabricConfiguration()
  ) async throws(FabricStoreError) {
    engine = try await FabricFile.blocking(path) {
      try FabricEngine(path: path, configuration: configuration)
    }
  }

  deinit {
    let engine = engine
    DispatchQueue.global().async { engine.close() }
  }

  /// The file.
  public var path: String { engine.path }

  /// Random, given when the file was made; it survives backup and restore.
  public var identity: String { engine.identity }

  /// Reads a range as the port says.
  public func read(
    _ range: KeyRange,
    at revision: Revision?,
    limit: Int?
  ) async throws(FabricStoreError) -> RangeReading {
    let query = RangeQuery(
      range: range,
      revision: revision,
      limit: limit,
      path: engine.path,
      packs: engine.hasPacks ? engine.directory : nil
    )
    engine.directory.begin()
    defer { engine.directory.end() }
    return try await engine.read { try query.run($0) }
  }

  /// Commits as the port says. A cancelled call either had not begun and throws `.notApplied`, or is finished.
  public func commit(
    _ transactions: [FabricTransaction],
    urgent: Bool
  ) async throws(FabricStoreError) -> [TransactionResult] {
    try FabricLimits.check(transactions)
    guard !transactions.isEmpty else { return [] }
    return try await engine.perform(isUrgent: urgent, weight: transactions.count) { batch in
      try batch.perform(transactions)
    }
  }

  /// Commits as the port says. The outcome comes on the thread that writes: it must not be kept busy.
  public func submit(
    _ transactions: [FabricTransaction],
    urgent: Bool,
    completion: @escaping @Sendable (Result<[TransactionResult], FabricStoreError>) -> Void
  ) {
    do throws(FabricStoreError) {
      try FabricLimits.check(transactions)
    } catch {
      return completion(.failure(error))
    }
    guard !transactions.isEmpty else { return completion(.success([])) }
    engine.submit(
      isUrgent: urgent,
      weight: transactions.count,
      { batch in try batch.perform(transactions) },
      completion: completion
    )
  }

  /// Grants a lease for exactly the time asked for; its generation is its number.
  public func grantLease(ttl: Duration) async throws(FabricStoreError) -> LeaseGrant {
    try FabricLimits.check(ttl: ttl)
    return try await engine.perform(isUrgent: true) { try $0.grant(ttl: ttl) }
  }

  /// Renews a lease.
  public func keepAlive(_ lease: LeaseID) async throws(FabricStoreError) {
    try await engine.perform(isUrgent: true) { try $0.keepAlive(lease.rawValue) }
  }

  /// Ends a lease.
  public func revoke(_ lease: LeaseID) async throws(FabricStoreError) {
    try await engine.perform(isUrgent: true) { try $0.revoke(lease.rawValue) }
  }

  /// Follows a range as the port says; about every 100 ms an empty batch tells how far the store is, if it moved.
  public func watch(_ range: KeyRange, from revision: Revision) -> AsyncThrowingStream<WatchBatch, any Error>
  {
    let watch = FabricWatch(engine: engine, range: range, from: revision)
    return AsyncThrowingStream { try await watch.next() }
  }

  /// The machine's clock: all processes of the store are on one machine.
  public func now() async throws(FabricStoreError) -> StoreTime {
    StoreTime(milliseconds: MachineClock.milliseconds)
  }

  /// Forgets history: at once for readers, in pieces on the disk.
  public func compact(before revision: Revision) async throws(FabricStoreError) {
    try await engine.perform(isUrgent: false) { batch in
      batch.compact(before: revision)
      try batch.trimLog(limit: 2_000)
    }
  }

  /// How the file is.
  public func status() async throws(FabricStoreError) -> StoreStatus {
    let path = engine.path
    let row = try await engine.read { try StoreRow($0, path: path) }
    var alarms: [String] = []
    if let failure = engine.failure { alarms.append(failure.message) }
    let waiting = FabricFiles.size(FabricFiles.writeAheadLog(path))
    if waiting > 1 << 30 {
      alarms.append("\(path)-wal has grown to \(waiting >> 20) MiB: a reader keeps it from shrinking")
    }
    if let free = Self.freeBytes(near: path), free < 256 << 20 {
      alarms.append("\(path): only \(free >> 20) MiB are left on the disk")
    }
    return StoreStatus(
      name: "sqlite:\(path)",
      revision: row.revision,
      compactedRevision: row.compacted,
      size: FabricFiles.size(path) &+ waiting,
      members: [StoreStatus.Member(name: path, isHealthy: engine.failure == nil, isLeader: true)],
      alarms: alarms
    )
  }

  /// Performs what waits, ends the watches, closes the file.
  public func close() async {
    let engine = engine
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        engine.close()
        continuation.resume()
      }
    }
  }

  private static func freeBytes(near path: String) -> Int64? {
    var status = statvfs()
    guard statvfs(FileSystemFitness.directory(of: path), &status) == 0 else { return nil }
    return Int64(clamping: status.f_bavail).multipliedReportingOverflow(by: Int64(clamping: status.f_frsize))
      .partialValue
  }
}
