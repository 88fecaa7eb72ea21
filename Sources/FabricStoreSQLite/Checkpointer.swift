import Dispatch
import GRDB
import Synchronization

/// Moves the write-ahead log into the file beside the commits, so that no turn has to wait for it.
///
/// A passive checkpoint takes no lock that a writer needs. At full load it never catches up wholly; what is left then is
/// moved by a commit once the log has grown to `FabricConnections.checkpointPages`.
final class Checkpointer: Sendable {
  private struct State {
    var revision: UInt64 = 0
    var time: Int64 = 0
  }

  private let queue = DispatchQueue(label: "quorate.fabric.checkpoint", qos: .utility)
  private let state = Mutex(State())
  private let isRunning = Atomic(false)

  // About so many pages are written meanwhile: one per change.
  private static let revisions: UInt64 = 1_500
  private static let longestPause: Int64 = 1_000_000_000

  /// Waits for a checkpoint that is under way.
  func finish() { queue.sync {} }

  /// Tells how far the store is; starts a checkpoint when enough was written or some time has passed.
  func note(_ revision: UInt64, _ connections: FabricConnections) {
    let isDue = state.withLock { state in
      guard revision > state.revision else { return false }
      let now = MachineClock.steady
      guard revision - state.revision >= Self.revisions || now &- state.time >= Self.longestPause else {
        return false
      }
      state.revision = revision
      state.time = now
      return true
    }
    guard isDue, !isRunning.exchange(true, ordering: .acquiringAndReleasing) else { return }
    queue.async { [self] in
      // A failure shows in the next commit, which deals with it; one that another process forestalls needs nothing.
      _ = try? connections.checkpointer.writeWithoutTransaction { db in
        try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(PASSIVE)")
      }
      isRunning.store(false, ordering: .releasing)
    }
  }
}
