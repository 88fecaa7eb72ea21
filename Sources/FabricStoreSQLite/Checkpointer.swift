import GRDB
import GRDBSQLite
import Synchronization

/// Moves the write-ahead log into the file beside the commits, so that no turn has to wait for it.
///
/// A page that changed often since the last time is moved once, so it lets the log grow before it begins: bindings lie
/// anywhere in the file, and to write them there one by one is what a disk is slowest at. A passive checkpoint takes no
/// lock that a writer needs, but meanwhile the log grows. So it goes round after round, each shorter than the one before,
/// and what is left in the end is moved by a commit that still has its turn: after that the log begins anew. SQLite brings
/// the file to the disk only when it has moved everything, which would be that commit's to wait for (30 to 100 ms): so
/// each round does it itself.
final class Checkpointer: Sendable {
  private let thread: WorkThread
  private let isRunning = Atomic(false)
  private let isLastPartDue = Atomic(false)
  private let lastTime = Atomic<Int64>(0)

  /// Pages in the log (32 MiB) from which on they are moved.
  private static let first = 8_192
  /// Pages that a commit moves itself: a few milliseconds.
  private static let last = 250
  /// Pages in the log (1 GiB) from which on a commit moves whatever there is.
  private static let most = 262_144
  private static let rounds = 8
  // A log that hardly grows is moved so often, so that a restart reads little of it.
  private static let longestPause: Int64 = 10_000_000_000

  init(_ thread: WorkThread) { self.thread = thread }

  /// After a commit: starts moving pages when there are enough of them.
  func note(_ connections: FabricConnections) {
    let pages = connections.log.pages
    guard pages > 0, !isLastPartDue.load(ordering: .relaxed) else { return }
    guard
      pages >= Self.first
        || MachineClock.steady &- lastTime.load(ordering: .relaxed) >= Self.longestPause
    else { return }
    guard !isRunning.exchange(true, ordering: .acquiringAndReleasing) else { return }
    thread.async { [self] in
      run(connections)
      lastTime.store(MachineClock.steady, ordering: .relaxed)
      isRunning.store(false, ordering: .releasing)
    }
  }

  /// Whether the commit that has just ended should move the rest before it gives its turn to others.
  func wantsTurn(_ connections: FabricConnections) -> Bool {
    isLastPartDue.load(ordering: .relaxed) || connections.log.pages >= Self.most
  }

  /// Moves the rest; the caller has the turn, so nobody writes meanwhile.
  func finishInTurn(_ connections: FabricConnections) {
    isLastPartDue.store(false, ordering: .relaxed)
    _ = try? connections.pool.writeWithoutTransaction { try Self.moved($0) }
    lastTime.store(MachineClock.steady, ordering: .relaxed)
  }

  private func run(_ connections: FabricConnections) {
    var before = Int.max
    for _ in 0..<Self.rounds {
      // A failure shows in the next commit, which deals with it; one that another process forestalls needs nothing.
      let moved = try? connections.checkpointer.writeWithoutTransaction { db in
        let moved = try Self.moved(db)
        // Who is forestalled has moved nothing.
        if !moved.isBusy { Self.sync(db) }
        return moved
      }
      guard let moved, !moved.isBusy else { return }
      let left = connections.log.pages - moved.pages
      if left <= Self.last {
        if left > 0 { isLastPartDue.store(true, ordering: .relaxed) }
        return
      }
      // A reader keeps the rest from being moved, or the disk does not keep up.
      guard left < before else { return }
      before = left
    }
  }

  /// Brings what was moved into the file to the disk. Nothing depends on it: SQLite does so itself before the log is written over.
  private static func sync(_ db: Database) {
    var file: UnsafeMutablePointer<sqlite3_file>?
    let found = sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_FILE_POINTER, &file)
    guard found == SQLITE_OK, let file, let methods = file.pointee.pMethods else { return }
    _ = methods.pointee.xSync?(file, SQLITE_SYNC_NORMAL)
  }

  private static func moved(_ db: Database) throws -> (isBusy: Bool, pages: Int) {
    let row = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(PASSIVE)")
    return ((row?[0] as Int? ?? 1) != 0, row?[2] as Int? ?? 0)
  }
}

/// How long the write-ahead log is: told by SQLite after each commit of one connection.
final class LogLength: Sendable {
  private let count = Atomic<Int>(0)

  /// Pages in the log after the connection's last commit, those of other processes among them.
  var pages: Int { count.load(ordering: .relaxed) }

  /// Has a connection report here, instead of checkpointing by itself. It must be kept for as long as that is open.
  func observe(_ db: Database) throws {
    // The pragma sets SQLite's own hook, which this one takes the place of.
    try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
    sqlite3_wal_hook(
      db.sqliteConnection,
      { context, _, _, pages in
        guard let context else { return SQLITE_OK }
        let log = Unmanaged<LogLength>.fromOpaque(context).takeUnretainedValue()
        log.count.store(Int(pages), ordering: .relaxed)
        return SQLITE_OK
      },
      Unmanaged.passUnretained(self).toOpaque()
    )
  }
}
