import Glibc
import PoolModel

/// The machine's clocks, read here and nowhere else.
enum ServerClock {
  /// CLOCK_BOOTTIME: deadlines are kept in it.
  static func now() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }

  /// Milliseconds since 1970-01-01 UTC by this machine's own clock.
  static func wallMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000 &+ Int64(time.tv_nsec) / 1_000_000
  }
}
