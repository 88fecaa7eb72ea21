import FabricStore
import Synchronization

/// The tasks of a store's watches, so that closing it ends them.
final class EtcdWatchTasks: Sendable {
  private struct State {
    var tasks: [UInt64: Task<Void, Never>] = [:]
    var last: UInt64 = 0
    var isClosed = false
  }

  private let state = Mutex(State())

  func stream(_ watch: EtcdWatch) -> AsyncThrowingStream<WatchBatch, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task { await watch.run(continuation) }
      let (number, closed) = state.withLock { state in
        state.last += 1
        state.tasks[state.last] = task
        return (state.last, state.isClosed)
      }
      if closed { task.cancel() }
      continuation.onTermination = { [weak self] _ in
        task.cancel()
        self?.state.withLock { _ = $0.tasks.removeValue(forKey: number) }
      }
    }
  }

  func cancel() {
    let tasks = state.withLock { state in
      state.isClosed = true
      defer { state.tasks = [:] }
      return Array(state.tasks.values)
    }
    for task in tasks { task.cancel() }
  }
}
