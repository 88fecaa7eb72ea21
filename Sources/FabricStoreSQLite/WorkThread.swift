import Dispatch
import Foundation
import Glibc
import Synchronization

/// Does one piece of work after the other on a thread of its own. A dispatch queue takes another thread each time, whose
/// caches know nothing of the store's pages.
final class WorkThread: Sendable {
  private struct State {
    var work: [@Sendable () -> Void] = []
    var isStarted = false
    var isEnding = false
  }

  private let name: String
  private let isBackground: Bool
  private let state = Mutex(State())
  private let news = DispatchSemaphore(value: 0)

  // Of a background thread: where there is little to do it runs as others do, where there is much it has a tenth.
  private static let niceness: CInt = 10

  /// - Parameters:
  ///   - name: at most 15 bytes, as the system shows it.
  ///   - isBackground: whether all others come first, with the processor and the disk: what no client waits for.
  init(_ name: String, isBackground: Bool = false) {
    self.name = name
    self.isBackground = isBackground
  }

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
    thread.stackSize = 8 << 20
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
    Thread.current.name = name
    if isBackground {
      // On Linux this is the calling thread alone.
      _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
      IOPriority.setIdle()
    }
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

/// The place of a thread's disk requests in the kernel's queue.
enum IOPriority {
  private typealias Call = @convention(c) (Int, Int, Int, Int) -> Int
  // glibc has no function for ioprio_set, and its `syscall` has no fixed parameters, which Swift does not import.
  private static let call: Call? = dlsym(nil, "syscall").map { unsafeBitCast($0, to: Call.self) }

  /// Puts the calling thread behind everybody else; `false` when the system does not do that.
  @discardableResult
  static func setIdle() -> Bool {
    #if arch(x86_64)
      let number = 251
    #elseif arch(arm64)
      let number = 30
    #else
      return false
    #endif
    // IOPRIO_WHO_PROCESS is 1, and 0 this thread; the class is in the upper bits, 3 is idle.
    return call?(number, 1, 0, 3 << 13) == 0
  }
}
