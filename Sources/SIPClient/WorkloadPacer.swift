import NIOCore

/// What the users of a client do while a pool is worked on.
public struct Workload: Hashable, Sendable {
  /// How often each user refreshes its registration.
  public var refreshEvery: Duration
  /// MESSAGEs a second, over all users.
  public var messagesPerSecond: Double

  /// A workload.
  public init(refreshEvery: Duration, messagesPerSecond: Double) {
    self.refreshEvery = refreshEvery
    self.messagesPerSecond = messagesPerSecond
  }
}

/// Spreads a workload evenly over time: a tick every 5 ms begins what has become due since the last.
final class WorkloadPacer {
  private let workload: Workload
  private let registersPerNanosecond: Double
  private let messagesPerNanosecond: Double
  private unowned let loop: ClientLoop
  private var generator: SplitMix
  private var order: [Int]
  private var next = 0
  private var registersDue = 0.0
  private var messagesDue = 0.0
  private var last: Int64
  private var task: RepeatedTask?

  init(_ workload: Workload, loop: ClientLoop) {
    self.workload = workload
    self.loop = loop
    let users = loop.users.count
    let (seconds, attoseconds) = workload.refreshEvery.components
    let period = max(0.001, Double(seconds) + Double(attoseconds) * 1e-18)
    registersPerNanosecond = Double(users) / period / 1e9
    messagesPerNanosecond = workload.messagesPerSecond / 1e9
    generator = SplitMix(state: loop.configuration.seed &+ 17)
    order = Array(0..<users)
    order.shuffle(using: &generator)
    last = ClientLoop.now
  }

  /// Begins.
  func start() {
    let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
    task = loop.eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(5), delay: .milliseconds(5)) { _ in
      bound.value.tick()
    }
  }

  /// Begins nothing more.
  func stop() {
    task?.cancel()
    task = nil
  }

  private func tick() {
    guard !order.isEmpty else { return }
    let now = ClientLoop.now
    let elapsed = Double(now &- last)
    last = now
    // A loop that was held up does not catch up in one burst: at most a tenth of a second's worth.
    registersDue = min(registersDue + elapsed * registersPerNanosecond, registersPerNanosecond * 1e8 + 1)
    messagesDue = min(messagesDue + elapsed * messagesPerNanosecond, messagesPerNanosecond * 1e8 + 1)
    while registersDue >= 1 {
      registersDue -= 1
      refreshNext()
    }
    while messagesDue >= 1 {
      messagesDue -= 1
      sendMessage()
    }
  }

  private func refreshNext() {
    let user = order[next]
    next = (next + 1) % order.count
    if loop.users[user].isBusy {
      loop.statistics.skippedRefreshes += 1
    } else {
      loop.begin(.register, user: user)
    }
  }

  /// Both ends are registered users, or the MESSAGE would rightly fail.
  private func sendMessage() {
    let now = ClientLoop.now
    let from = Int.random(in: 0..<order.count, using: &generator)
    let to = Int.random(in: 0..<order.count, using: &generator)
    guard !loop.users[from].isSending, loop.users[from].acknowledgedUntil > now,
      loop.users[to].acknowledgedUntil > now
    else { return }
    loop.begin(.message(to: to), user: from)
  }
}
