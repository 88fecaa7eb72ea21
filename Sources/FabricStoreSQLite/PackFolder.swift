import FabricStore
import GRDB
import Synchronization

/// Sees to it that older packs are folded: says when, and reads what is to be folded beside the commits, which then carry
/// it out. One process of a file does it at a time: it has the kernel's lock on a byte of the turn table until its fold is
/// over, so that of two folds the older one never comes last.
final class PackFolder: Sendable {
  private let thread: WorkThread
  private let isRunning = Atomic(false)
  private let hasLock = Mutex(false)
  private let nextTry = Atomic<Int64>(0)

  // After another process was found to have the lock, or a failure.
  private static let pause: Int64 = 100_000_000
  // Keys that the monitor has folded at a time when nobody writes.
  private static let idleSlice = 512

  init(_ thread: WorkThread) { self.thread = thread }

  /// Begins, goes on, or does nothing: after each commit, and from the monitor.
  func note(_ engine: FabricEngine, forgotten: Revision) {
    let index = engine.packs
    guard index.wantsPart || index.foldIsDue(forgotten: forgotten) != nil else { return }
    guard MachineClock.steady >= nextTry.load(ordering: .relaxed) else { return }
    guard !isRunning.exchange(true, ordering: .acquiringAndReleasing) else { return }
    thread.async { [self] in
      do {
        try goOn(engine, forgotten: forgotten)
      } catch {
        // The commits meet the same trouble and deal with it.
        giveUp(engine)
      }
      isRunning.store(false, ordering: .releasing)
    }
  }

  /// Has the next slice folded although nobody writes.
  func foldInBackground(_ engine: FabricEngine) {
    guard engine.packs.hasSlices else { return }
    engine.submit(PendingWrite(isUrgent: false) { try $0.fold(Self.idleSlice) })
  }

  private func goOn(_ engine: FabricEngine, forgotten: Revision) throws {
    let index = engine.packs
    let pool = try engine.connections().pool
    if !index.wantsPart {
      guard let upTo = index.foldIsDue(forgotten: forgotten) else { return }
      guard lock(engine) else {
        nextTry.store(MachineClock.steady &+ Self.pause, ordering: .relaxed)
        return
      }
      let parts = try pool.read { try PackFold.parts($0, upTo: upTo) }
      index.set(PackFold(upTo: upTo, parts: parts))
    }
    let path = engine.path
    let isMore = try index.nextPart { packs in
      try pool.read { try PackedItems($0, of: packs, path: path) }
    }
    if !isMore { unlock(engine) }
  }

  private func giveUp(_ engine: FabricEngine) {
    nextTry.store(MachineClock.steady &+ Self.pause, ordering: .relaxed)
    engine.packs.set(nil)
    unlock(engine)
  }

  private func lock(_ engine: FabricEngine) -> Bool {
    hasLock.withLock { hasLock in
      if !hasLock { hasLock = engine.turn.table.file.tryLock(byte: TurnTable.foldingByte) }
      return hasLock
    }
  }

  private func unlock(_ engine: FabricEngine) {
    hasLock.withLock { hasLock in
      guard hasLock else { return }
      engine.turn.table.file.unlock(byte: TurnTable.foldingByte)
      hasLock = false
    }
  }
}
