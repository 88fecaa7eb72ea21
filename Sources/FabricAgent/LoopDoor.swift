public import NIOCore
import Synchronization

/// The way onto an event loop for tasks that may outlive it: an answer of the store that comes after the server has stopped is
/// dropped, instead of being brought to a loop that is gone.
public final class LoopDoor: Sendable {
  /// The loop behind it.
  public let eventLoop: any EventLoop
  private let isOpen = Mutex(true)

  /// A door that is open.
  public init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  /// Runs `body` on the loop, later; never once the door was closed.
  public func execute(_ body: @escaping @Sendable () -> Void) {
    // Within the lock: `close()` returns after the last of these, so that the loop may end then.
    isOpen.withLock { isOpen in
      if isOpen { eventLoop.execute(body) }
    }
  }

  /// Runs `body` on the loop and waits for its end; returns at once when the door was closed.
  public func run(_ body: @escaping @Sendable () -> Void) async {
    let done = isOpen.withLock { isOpen in isOpen ? eventLoop.submit(body) : nil }
    try? await done?.get()
  }

  /// Closes the door for good.
  public func close() { isOpen.withLock { $0 = false } }
}
