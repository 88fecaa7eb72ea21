import Glibc
import PoolModel

/// This machine's clocks.
enum BootClock {
  /// Now on CLOCK_BOOTTIME: goes on while the machine sleeps, never jumps.
  static func now() -> Instant { Instant(nanoseconds: nanoseconds(of: CLOCK_BOOTTIME)) }

  /// Now on the wall clock, milliseconds since 1970: only to tell how far it is from pool time.
  static func wallMilliseconds() -> Int64 { nanoseconds(of: CLOCK_REALTIME) / 1_000_000 }

  private static func nanoseconds(of clock: clockid_t) -> Int64 {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0 else { return 0 }
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
