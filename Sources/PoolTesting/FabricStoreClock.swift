import Synchronization

/// The clock of a store in memory: the machine's, or one that a test moves by hand.
public final class FabricStoreClock: Sendable {
  private struct State {
    /// `nil` follows the machine's clock.
    var manual: Duration?
    /// Told when a manual clock moved.
    var observers: [@Sendable () -> Void] = []
  }

  private let state: Mutex<State>
  private let start = ContinuousClock().now
  /// Milliseconds since 1970 when the clock was at zero.
  public let epoch: Int64

  private init(manual: Duration?, epoch: Int64) {
    state = Mutex(State(manual: manual))
    self.epoch = epoch
  }

  /// A clock that goes by itself.
  public static func running(epoch: Int64 = 1_800_000_000_000) -> FabricStoreClock {
    FabricStoreClock(manual: nil, epoch: epoch)
  }

  /// A clock that stands at zero until it is advanced.
  public static func manual(epoch: Int64 = 1_800_000_000_000) -> FabricStoreClock {
    FabricStoreClock(manual: .zero, epoch: epoch)
  }

  /// Time since the clock was made.
  public var now: Duration { state.withLock { $0.manual } ?? (ContinuousClock().now - start) }

  /// Milliseconds since 1970.
  public var milliseconds: Int64 {
    let now = now.components
    return epoch &+ now.seconds &* 1_000 &+ now.attoseconds / 1_000_000_000_000_000
  }

  /// Whether it only moves when told.
  public var isManual: Bool { state.withLock { $0.manual != nil } }

  /// Moves a manual clock on. Leases whose time is then over have ended before this returns.
  public func advance(by duration: Duration) {
    let observers = state.withLock { state -> [@Sendable () -> Void] in
      guard let old = state.manual else { return [] }
      state.manual = old + duration
      return state.observers
    }
    for observer in observers { observer() }
  }

  func onAdvance(_ observer: @escaping @Sendable () -> Void) {
    state.withLock { $0.observers.append(observer) }
  }
}
