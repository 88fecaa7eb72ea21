import Dispatch
import FabricStore
import GRDB
import Logging
import Synchronization

/// One open fabric file: its connections, its place among the writers, and the queue of this process's writes.
///
/// One thread at a time writes. It waits for this process's turn, takes what has gathered meanwhile, makes it durable in
/// one SQLite transaction, ends the turn, and tells everybody.
final class FabricEngine: Sendable {
  private struct State {
    var connections: FabricConnections?
    var queue = CommitQueue()
    var isDraining = false
    var isWaitingForTurn = false
    var isClosing = false
    /// Why no write is accepted before the file was opened again and looked at.
    var failure: FabricStoreError?
    var nextRepair: Int64 = 0
    var repairPause = FabricEngine.shortestPause
  }

  let path: String
  let configuration: SQLiteFabricConfiguration
  let identity: String
  let turn: WriterTurn
  let tail: ChangeTail
  private let state: Mutex<State>
  private let writer = WorkThread("fabric-writer")
  /// For what no client waits for: moving the log into the file, reading what is to be folded.
  private let background = WorkThread("fabric-rest", isBackground: true)
  private let monitor: StoreMonitor
  private let checkpointer: Checkpointer
  /// Whether changes may lie in packs.
  let hasPacks: Bool
  /// What this process knows of them: who writes, and who reads.
  let packs: PackIndex
  let directory: PackDirectory
  let folder: PackFolder

  // After a failed repair the next one is tried this much later, each time twice as much (0.25 s to 4 s): the check reads
  // the whole file.
  private static let shortestPause: Int64 = 250_000_000
  private static let longestPause: Int64 = 4_000_000_000
  // More than this waiting means that the disk does not keep up: say so instead of growing.
  private static let queueLimit = 65_536

  init(path: String, configuration: SQLiteFabricConfiguration) throws(FabricStoreError) {
    let opened = try OpenedFabric.open(path: path, configuration: configuration)
    self.path = path
    self.configuration = configuration
    identity = opened.identity
    turn = opened.turn
    tail = ChangeTail(revision: opened.revision)
    hasPacks = opened.hasPacks
    packs = PackIndex(
      generationSize: configuration.packGeneration.size,
      slack: configuration.packGeneration.slack
    )
    state = Mutex(State(connections: opened.connections))
    directory = PackDirectory(deferredPrefix: configuration.deferredPrefix)
    checkpointer = Checkpointer(background)
    folder = PackFolder(background)
    monitor = StoreMonitor()
    monitor.start(self)
  }

  // MARK: Connections

  /// The connections, unless the store is closed or its file cannot be used now.
  func connections() throws(FabricStoreError) -> FabricConnections {
    let connections = state.withLock { state in state.connections }
    guard let connections else {
      let failure = state.withLock { $0.failure }
      throw failure ?? FabricStoreError(.unavailable, "\(path): the store is closed")
    }
    return connections
  }

  /// Reads in a snapshot.
  func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(FabricStoreError)
    -> T
  {
    let pool = try connections().pool
    do {
      return try await pool.read(body)
    } catch {
      throw SQLiteFailure.error(error, path: path)
    }
  }

  /// What is wrong, `nil` while writes are accepted.
  var failure: FabricStoreError? { state.withLock { $0.failure } }

  // MARK: Writing

  /// Does `work` in the next common transaction and says, on the thread that writes, when it is durable. Never throws away
  /// an outcome, and cannot be cancelled.
  func submit<T: Sendable>(
    isUrgent: Bool,
    weight: Int,
    _ work: @escaping @Sendable (inout WriteBatch) throws -> T,
    completion: @escaping @Sendable (Result<T, FabricStoreError>) -> Void
  ) {
    let box = ResultBox<T>()
    let write = PendingWrite(isUrgent: isUrgent, weight: weight) { batch in
      let result = try work(&batch)
      box.value.withLock { $0 = result }
    }
    let path = path
    write.whenFinished { failure in
      if let failure {
        completion(.failure(failure))
      } else if let result = box.value.withLock({ $0 }) {
        completion(.success(result))
      } else {
        completion(.failure(FabricStoreError(.unavailable, "\(path): the write was not performed")))
      }
    }
    submit(write)
  }

  /// Does `work` in the next common transaction and returns when it is durable.
  func perform<T: Sendable>(
    isUrgent: Bool,
    weight: Int = 1,
    _ work: @escaping @Sendable (inout WriteBatch) throws -> T
  ) async throws(FabricStoreError) -> T {
    let box = ResultBox<T>()
    let write = PendingWrite(isUrgent: isUrgent, weight: weight) { batch in
      let result = try work(&batch)
      box.value.withLock { $0 = result }
    }
    let failure = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<FabricStoreError?, Never>) in
        write.whenFinished { continuation.resume(returning: $0) }
        // A cancellation before this point found nothing to take back.
        if Task.isCancelled { write.finish(Self.cancelled) } else { submit(write) }
      }
    } onCancel: {
      if state.withLock({ $0.queue.remove(write) }) { write.finish(Self.cancelled) }
    }
    if let failure { throw failure }
    guard let result = box.value.withLock({ $0 }) else {
      throw FabricStoreError(.unavailable, "\(path): the write was not performed")
    }
    return result
  }

  private static let cancelled = FabricStoreError(.unavailable, "the write was cancelled before it was begun")

  /// Queues a write.
  func submit(_ write: PendingWrite) {
    let (refusal, starts, hurries) = state.withLock { state -> (FabricStoreError?, Bool, Bool) in
      if state.isClosing {
        return (FabricStoreError(.unavailable, "\(path): the store is closed"), false, false)
      }
      guard state.queue.totalWeight < Self.queueLimit || write.isUrgent else {
        return (
          FabricStoreError(.unavailable, "\(path): too many writes wait; the disk does not keep up"), false,
          false
        )
      }
      state.queue.append(write)
      let starts = !state.isDraining
      state.isDraining = true
      return (nil, starts, write.isUrgent && state.isWaitingForTurn)
    }
    if let refusal {
      write.finish(refusal)
      return
    }
    if hurries { turn.hurry() }
    if starts { writer.async { self.drain() } }
  }

  private func drain() {
    while true {
      let hasUrgent = state.withLock { state -> Bool? in
        if state.queue.isEmpty {
          state.isDraining = false
          return nil
        }
        state.isWaitingForTurn = true
        return state.queue.hasUrgent
      }
      guard let hasUrgent else { return }
      if let failure = repairIfNeeded() {
        failAll(failure)
        continue
      }
      let isOurs = turn.acquire(isUrgent: hasUrgent, patience: configuration.patience.wholeNanoseconds)
      guard isOurs else {
        failAll(FabricStoreError(.unavailable, "\(path): another process has kept its turn for too long"))
        continue
      }
      let group = state.withLock { state in
        state.isWaitingForTurn = false
        return state.queue.take(limit: configuration.groupSize)
      }
      performGroup(group)
    }
  }

  private func failAll(_ error: FabricStoreError) {
    let writes = state.withLock { state in
      state.isWaitingForTurn = false
      return state.queue.takeAll()
    }
    for write in writes { write.finish(error) }
  }

  /// Performs a group, ends the turn, and tells the callers, the watches and the other processes.
  private func performGroup(_ group: [PendingWrite]) {
    let outcome = Result { () throws(GroupFailure) -> (GroupOutcome, FabricConnections) in
      let connections: FabricConnections
      do throws(FabricStoreError) { connections = try self.connections() } catch {
        throw GroupFailure(error: error, needsRepair: false)
      }
      let commit = GroupCommit(path: path, configuration: configuration, packs: hasPacks ? packs : nil)
      return (try commit.perform(group, on: connections.pool), connections)
    }
    var keepsTurn = false
    if case .success((_, let connections)) = outcome { keepsTurn = checkpointer.wantsTurn(connections) }
    if !keepsTurn { turn.release() }
    defer { if keepsTurn { turn.release() } }
    switch outcome {
    case .success((let done, let connections)):
      if !done.changes.isEmpty {
        if tail.isWatched {
          tail.append(
            done.changes,
            after: done.previous,
            upTo: done.revision,
            mayWait: !group.contains { $0.isUrgent }
          )
          if tail.last < done.revision { turn.tellOneself() }
        }
        turn.tellNews()
      }
      for (index, write) in group.enumerated() { write.finish(done.refusals[index]) }
      // Nobody waits for this any more but those who come next.
      if keepsTurn { checkpointer.finishInTurn(connections) } else { checkpointer.note(connections) }
      if hasPacks { folder.note(self, forgotten: done.compacted) }
    case .failure(let failure):
      if failure.needsRepair { begin(failure: failure.error) }
      for write in group { write.finish(failure.error) }
    }
  }

  // MARK: Failure

  private func begin(failure: FabricStoreError) {
    configuration.logger.error(
      "a fabric commit failed; no writes until the file was opened again and checked",
      metadata: ["path": "\(path)", "error": "\(failure)"]
    )
    var waiting = failure
    waiting.outcome = .notApplied
    // What still reads keeps its connection until it is done; the connections close when the last one lets go.
    let connections = state.withLock { state in
      defer { state.connections = nil }
      state.failure = waiting
      state.nextRepair = 0
      return state.connections
    }
    _ = consume connections
    directory.forget()
  }

  /// After a failure: opens the file again and checks it. The failure, as long as it lasts.
  private func repairIfNeeded() -> FabricStoreError? {
    let (failure, isDue) = state.withLock { ($0.failure, MachineClock.steady >= $0.nextRepair) }
    guard let failure else { return nil }
    guard isDue else { return failure }
    do {
      let connections = try FabricConnections(path: path, configuration: configuration)
      try connections.verify(path: path)
      state.withLock { state in
        state.connections = connections
        state.failure = nil
        state.repairPause = Self.shortestPause
      }
      configuration.logger.notice("the fabric file is sound and open again", metadata: ["path": "\(path)"])
      turn.tellOneself()
      return nil
    } catch {
      let error = SQLiteFailure.error(error, path: path)
      state.withLock { state in
        state.failure = error
        state.nextRepair = MachineClock.steady &+ state.repairPause
        state.repairPause = min(state.repairPause &* 2, Self.longestPause)
      }
      return error
    }
  }

  /// Tries to get out of a failure although nobody writes; for the monitor.
  func repairInBackground() {
    let isNeeded = state.withLock { $0.failure != nil && !$0.isDraining && !$0.isClosing }
    guard isNeeded else { return }
    writer.async { _ = self.repairIfNeeded() }
  }

  // MARK: Closing

  /// Performs what waits, then closes. Blocks.
  func close() {
    let isFirst = state.withLock { state in
      defer { state.isClosing = true }
      return !state.isClosing
    }
    guard isFirst else { return }
    writer.end()
    monitor.stop(self)
    background.end()
    tail.close()
    let connections = state.withLock { state in
      defer { state.connections = nil }
      state.failure = nil
      return state.connections
    }
    _ = consume connections
    turn.close()
  }
}

/// Carries a result out of a closure.
final class ResultBox<T: Sendable>: Sendable {
  let value = Mutex<T?>(nil)
}
