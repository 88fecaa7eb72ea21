import NIOCore

/// Calls a closure again and again on one event loop, until it is cancelled or released.
final class LoopTimer {
  private let eventLoop: any EventLoop
  private let every: TimeAmount
  private var action: (() -> Void)?

  /// Starts the timer; the first call comes after one period.
  init(on eventLoop: any EventLoop, every: TimeAmount, action: @escaping () -> Void) {
    self.eventLoop = eventLoop
    self.every = every
    self.action = action
    schedule()
  }

  /// No call comes after this.
  func cancel() { action = nil }

  private func schedule() {
    eventLoop.assumeIsolated().scheduleTask(in: every) { [weak self] in
      guard let self, let action else { return }
      action()
      schedule()
    }
  }
}
