import Dispatch
import Foundation
import Synchronization

/// Does one piece of work after the other on a thread of its own. A dispatch queue takes another thread each time, whose
/// caches know nothing of the store's pages.
final class WriterThread: Sendable {
  private struct State {
    var work: [@Sendable () -> Void] = []
    var isStarted = false
    var isEnding = false
  }

  private let state = Mutex(State())
  private let news = DispatchSemaphore(value: 0)

  /// Does the work behind all that was asked for before; never after `end`.
  func async(_ work: @escaping @Sendable () -> Void) {
    let (isTaken, starts) = state.withLock { state in
      guard !state.isEnding else { return (false, false) }
      state.work.append(work)
      defer { state.isStarted = true }
      return (true, !state.isStarted)
    }
    if starts { start() }
    if isTaken { news.signal() }
  }

  private func start() {
    let thread = Thread { [self] in run() }
    thread.name = "fabric-writer"
    thread.stackSize = 8 << 20
    thread.qualityOfService = .userInitiated
    thread.start()
  }

  /// Ends the thread when all work is done, and waits for that. Not to be called on the thread itself.
  func end() {
    let done = DispatchSemaphore(value: 0)
    let isFirst = state.withLock { state in
      guard !state.isEnding else { return false }
      state.isEnding = true
      state.work.append { done.signal() }
      return state.isStarted
    }
    guard isFirst else { return }
    news.signal()
    done.wait()
  }

  private func run() {
    while true {
      news.wait()
      let (work, isOver) = state.withLock { state in
        let work = state.work.isEmpty ? nil : state.work.removeFirst()
        return (work, state.isEnding && state.work.isEmpty)
      }
      work?()
      if isOver { return }
    }
  }
}
