import FabricStore
import Synchronization

/// One watch: a place in the store's history that moves on as its reader asks. It holds nothing of the store, so a reader
/// that is slow costs nothing but its own time.
final class FabricWatch: Sendable {
  private struct Place {
    var next: Revision
    var lastTold: Int64
  }

  private let engine: FabricEngine
  private let range: KeyRange
  private let place: Mutex<Place>

  // An empty batch is not worth waking the reader for more often than this.
  private static let quiet: Int64 = 100_000_000
  private static let pageSize = 2_000

  init(engine: FabricEngine, range: KeyRange, from revision: Revision) {
    self.engine = engine
    self.range = range
    place = Mutex(Place(next: max(1, revision), lastTold: 0))
    engine.tail.addWatch()
    // Nobody may have filled the tail until now.
    engine.turn.tellOneself()
  }

  deinit { engine.tail.removeWatch() }

  /// The next batch; `nil` when the store was closed or the task cancelled.
  func next() async throws(FabricStoreError) -> WatchBatch? {
    while !Task.isCancelled {
      let from = place.withLock { $0.next }
      switch engine.tail.take(range, from: from) {
      case .closed: return nil
      case .wait: await engine.tail.wait(range, from: from)
      case .batch(let batch):
        if let batch = accept(batch) { return batch }
      case .readLog:
        let (range, path, hasPacks) = (range, engine.path, engine.hasPacks)
        let batch = try await engine.read { db in
          try LogQuery.changes(
            db,
            in: range,
            from: from,
            limit: Self.pageSize,
            hasPacks: hasPacks,
            path: path
          )
        }
        if batch.revision < from {
          // The tail was ahead of what this connection reads; not seen, and it must not spin.
          try? await Task.sleep(for: .milliseconds(5))
        } else if let batch = accept(batch) {
          return batch
        }
      }
    }
    return nil
  }

  /// Moves on behind a batch. The batch, unless it is empty and the reader was told something just now.
  private func accept(_ batch: WatchBatch) -> WatchBatch? {
    place.withLock { place in
      place.next = batch.revision + 1
      let now = MachineClock.steady
      guard !batch.changes.isEmpty || now &- place.lastTold >= Self.quiet else { return nil }
      place.lastTold = now
      return batch
    }
  }
}
