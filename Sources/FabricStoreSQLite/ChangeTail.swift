import FabricStore
import Synchronization

/// The newest changes of the store, shared by all watches of a process.
///
/// The commit path and the monitor append to it; watches take from it at their own pace and read the log when they have
/// fallen behind it. It is bounded, so nothing that a slow watch does holds up a commit.
final class ChangeTail: Sendable {
  private struct Waiter {
    var range: KeyRange
    var wake: CheckedContinuation<Void, Never>
  }

  private struct State {
    /// In order; whole revisions.
    var changes: [Change] = []
    /// Index of the oldest change that is still held: cutting the front of an array off each time would move the rest.
    var start = 0
    var bytes = 0
    /// The tail holds every change with a revision of at least `first`, up to `last`.
    var first: Revision
    var last: Revision
    var watches = 0
    var nextWaiter = 0
    var waiters: [Int: Waiter] = [:]
    var lastProgress: Int64 = 0
    /// When the watches were last woken, and the newest revision that they were woken for.
    var lastWake: Int64 = 0
    var wokenFor: Revision
    var isClosed = false
  }

  /// Answer to a watch.
  enum Answer {
    case batch(WatchBatch)
    /// The tail does not go back that far: read the log.
    case readLog
    /// Nothing new.
    case wait
    case closed
  }

  private let state: Mutex<State>
  private static let capacity = 8_192
  private static let byteCapacity = 32 << 20
  // How often a watch that nothing happens for is told how far the store is.
  private static let progressInterval: Int64 = 100_000_000
  private static let batchSize = 2_000
  // News of our own commits may lie so long: whoever made them knows them already.
  private static let longestWait: Int64 = 4_000_000

  init(revision: Revision) {
    state = Mutex(State(first: revision + 1, last: revision, wokenFor: revision))
  }

  /// Whether anybody watches; otherwise nobody need fill the tail.
  var isWatched: Bool { state.withLock { $0.watches > 0 } }

  /// The newest revision that it knows.
  var last: Revision { state.withLock { $0.last } }

  func addWatch() { state.withLock { $0.watches += 1 } }

  func removeWatch() { state.withLock { $0.watches -= 1 } }

  /// Appends the changes of the revisions after `previous`, up to `revision`. Ignored unless the tail ends at `previous`
  /// or behind: then the monitor fills the gap from the log.
  /// - Parameter mayWait: whether the watches need not be woken for each of these; a later call, or `wakeLate`, does.
  func append(
    _ changes: [Change],
    after previous: Revision,
    upTo revision: Revision,
    mayWait: Bool = false
  ) {
    wake(mayWait: mayWait) { state in
      guard state.last >= previous, state.last < revision else { return }
      let last = state.last
      for change in changes where change.revision > last {
        state.changes.append(change)
        state.bytes += Self.size(of: change)
      }
      state.last = revision
      Self.trim(&state)
    }
  }

  /// Forgets everything and stands at `revision`: for when the gap is too long to be worth filling.
  func skip(to revision: Revision) {
    wake { state in
      guard revision > state.last else { return }
      state.changes = []
      state.start = 0
      state.bytes = 0
      state.first = revision + 1
      state.last = revision
    }
  }

  /// Wakes the watches for what has waited.
  func wakeLate() { wake { _ in } }

  /// Ends all waits for good.
  func close() { wake { $0.isClosed = true } }

  /// What a watch that has been told everything before `from` gets next.
  func take(_ range: KeyRange, from: Revision) -> Answer {
    state.withLock { state in
      if state.isClosed { return .closed }
      guard from <= state.last else { return .wait }
      guard from >= state.first else { return .readLog }
      var batch = WatchBatch(changes: [], revision: state.last)
      var index = Self.index(of: from, in: state)
      var looked = 0
      while index < state.changes.count {
        let change = state.changes[index]
        if looked >= Self.batchSize, index > 0, change.revision != state.changes[index - 1].revision {
          batch.revision = change.revision - 1
          break
        }
        if range.contains(change.key) { batch.changes.append(change) }
        index += 1
        looked += 1
      }
      return .batch(batch)
    }
  }

  /// Waits for something new, unless it is there already.
  func wait(_ range: KeyRange, from: Revision) async {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDone = state.withLock { state in
          if Task.isCancelled || state.isClosed || from <= state.last { return true }
          state.waiters[number] = Waiter(range: range, wake: continuation)
          return false
        }
        if isDone { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: number) }?.wake.resume()
    }
  }

  /// Changes the state and wakes those whom the new changes concern, and everybody now and then.
  private func wake(mayWait: Bool = false, _ body: (inout State) -> Void) {
    let due = state.withLock { state -> [Waiter] in
      body(&state)
      guard state.isClosed || state.last != state.wokenFor, !state.waiters.isEmpty else { return [] }
      let now = MachineClock.steady
      if mayWait, !state.isClosed, now &- state.lastWake < Self.longestWait { return [] }
      let before = state.wokenFor
      state.lastWake = now
      state.wokenFor = state.last
      if state.isClosed || state.first > before + 1 || now &- state.lastProgress >= Self.progressInterval {
        state.lastProgress = now
        defer { state.waiters = [:] }
        return Array(state.waiters.values)
      }
      let new = state.changes[Self.index(of: before + 1, in: state)...]
      let concerned = state.waiters.filter { _, waiter in new.contains { waiter.range.contains($0.key) } }
      for number in concerned.keys { state.waiters[number] = nil }
      return Array(concerned.values)
    }
    for waiter in due { waiter.wake.resume() }
  }

  /// The first change with a revision of at least `revision`.
  private static func index(of revision: Revision, in state: State) -> Int {
    var (low, high) = (state.start, state.changes.count)
    while low < high {
      let middle = (low + high) / 2
      if state.changes[middle].revision < revision { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Drops whole revisions from the front until it is within its bounds.
  private static func trim(_ state: inout State) {
    while state.changes.count - state.start > capacity || state.bytes > byteCapacity,
      state.start < state.changes.count
    {
      let revision = state.changes[state.start].revision
      while state.start < state.changes.count, state.changes[state.start].revision == revision {
        state.bytes -= size(of: state.changes[state.start])
        // The value goes now, its place in the array later.
        state.changes[state.start] = .delete(key: "", revision: revision)
        state.start += 1
      }
      state.first = revision + 1
    }
    guard state.start > capacity else { return }
    state.changes.removeFirst(state.start)
    state.start = 0
  }

  private static func size(of change: Change) -> Int {
    guard case .put(let entry) = change else { return change.key.utf8.count + 64 }
    return entry.key.utf8.count + entry.value.count + 128
  }
}
