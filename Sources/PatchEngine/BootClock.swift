import Glibc
import PoolModel

/// This machine's boot-time clock, which every deadline of the engine is kept in.
enum BootClock {
  /// Now. The clock cannot fail on Linux; should it, time stands still and deadlines are not met early.
  static var now: Instant {
    var time = timespec()
    guard clock_gettime(CLOCK_BOOTTIME, &time) == 0 else { return Instant(nanoseconds: 0) }
    return Instant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }
}

/// Pool time, reckoned from one reading of the store's clock, so that a record's date costs no call.
struct PoolClock: Sendable {
  private let base: PoolTime
  private let taken: Instant

  /// A clock that was told `base` just now.
  init(base: PoolTime) {
    self.base = base
    taken = BootClock.now
  }

  /// Pool time now.
  var now: PoolTime { base + (BootClock.now - taken) }
}
