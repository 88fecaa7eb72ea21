import Dispatch
import FabricStore
import Foundation
import GRDB
import Glibc
import Logging
import Synchronization

/// The one reader of a process: fills the tail of changes with what other processes committed, ends leases that ran out,
/// lets history get old, and tries a failed file again. A thread, because it spends its life waiting on shared memory.
final class StoreMonitor: Sendable {
  private let isStopped = Atomic(false)
  private let isReaping = Atomic(false)
  private let ended = DispatchSemaphore(value: 0)

  // The longest wait: other processes tell their commits, this is the net below.
  private static let interval: Int64 = 25_000_000
  // Changes read at a time, and the longest gap that is filled rather than skipped.
  private static let chunk = 4_000
  private static let longestGap: UInt64 = 20_000

  func start(_ engine: FabricEngine) {
    let thread = Thread { [self] in
      run(engine)
      ended.signal()
    }
    thread.name = "fabric-monitor"
    thread.stackSize = 1 << 20
    thread.start()
  }

  /// Waits until the thread has ended.
  func stop(_ engine: FabricEngine) {
    isStopped.store(true, ordering: .sequentiallyConsistent)
    engine.turn.tellOneself()
    ended.wait()
  }

  private func run(_ engine: FabricEngine) {
    var history = HistoryClock(age: engine.configuration.historyAge.wholeNanoseconds)
    var wait = Self.interval
    while !isStopped.load(ordering: .sequentiallyConsistent) {
      engine.turn.waitForNews(nanoseconds: wait)
      wait = Self.interval
      guard let connection = try? engine.connections().monitor else {
        engine.repairInBackground()
        continue
      }
      do {
        try fillTail(engine, connection)
        if let next = try endLeases(engine, connection) { wait = min(wait, max(next, 200_000)) }
        try forgetHistory(&history, engine, connection)
        engine.folder.foldInBackground(engine)
      } catch {
        // The commit path meets the same trouble and deals with it; here it must only not spin.
        engine.configuration.logger.debug(
          "the fabric's monitor could not read",
          metadata: ["error": "\(error)"]
        )
        usleep(5_000)
      }
    }
  }

  private func fillTail(_ engine: FabricEngine, _ connection: DatabaseQueue) throws {
    engine.tail.wakeLate()
    while engine.tail.isWatched, !isStopped.load(ordering: .relaxed) {
      let last = engine.tail.last
      let isMore = try connection.read { db in
        let row = try StoreRow(db, path: engine.path)
        guard row.revision > last else { return false }
        guard row.revision - last <= Self.longestGap, last + 1 >= row.compacted else {
          engine.tail.skip(to: row.revision)
          return false
        }
        let batch = try LogQuery.changes(
          db,
          in: nil,
          from: last + 1,
          limit: Self.chunk,
          hasPacks: engine.hasPacks,
          path: engine.path
        )
        engine.tail.append(batch.changes, after: last, upTo: batch.revision)
        return batch.revision < row.revision
      }
      guard isMore else { return }
    }
  }

  /// Has the leases ended that are due. Nanoseconds until the next one is.
  private func endLeases(_ engine: FabricEngine, _ connection: DatabaseQueue) throws -> Int64? {
    let (isDue, next) = try connection.read { db in
      let isDue = try !DueLeases.find(db).isEmpty
      let next = try Int64.fetchOne(db.cachedStatement(sql: "SELECT min(deadline) FROM lease"))
      return (isDue, next)
    }
    if isDue, !isReaping.exchange(true, ordering: .sequentiallyConsistent) {
      let write = PendingWrite(isUrgent: true) { try $0.reap() }
      write.whenFinished { _ in self.isReaping.store(false, ordering: .sequentiallyConsistent) }
      engine.submit(write)
    }
    guard !isDue, let next else { return nil }
    return next &- MachineClock.sinceBoot
  }

  private func forgetHistory(
    _ history: inout HistoryClock,
    _ engine: FabricEngine,
    _ connection: DatabaseQueue
  ) throws {
    let now = MachineClock.steady
    guard history.isDue(now) else { return }
    let (row, hasLeftovers) = try connection.read { db in
      let row = try StoreRow(db, path: engine.path)
      let oldest = try Int64.fetchOne(db.cachedStatement(sql: "SELECT min(id) FROM log")) ?? .max
      return (row, oldest < StoreRow.logID(row.compacted))
    }
    let edge = history.note(row.revision, at: now)
    if engine.hasPacks { engine.folder.note(engine, forgotten: row.compacted) }
    guard edge > row.compacted || hasLeftovers else { return }
    let write = PendingWrite(isUrgent: false) { batch in
      batch.compact(before: edge)
      try batch.trimLog(limit: 2_000)
    }
    engine.submit(write)
  }
}

/// Remembers how far the store was when, so that history can be forgotten by age.
struct HistoryClock {
  private let age: Int64
  private let interval: Int64
  private var marks: [(time: Int64, revision: Revision)] = []
  private var next: Int64 = 0

  init(age: Int64) {
    self.age = age
    interval = max(50_000_000, min(1_000_000_000, age / 4))
  }

  func isDue(_ now: Int64) -> Bool { now >= next }

  /// Notes a revision. The revision before which everything is older than the age, 0 if that is not known.
  mutating func note(_ revision: Revision, at now: Int64) -> Revision {
    next = now &+ interval
    marks.append((now, revision))
    guard let old = marks.lastIndex(where: { $0.time &+ age <= now }) else { return 0 }
    marks.removeFirst(old)
    return marks.first?.revision ?? 0
  }
}
