import FabricStore
import Glibc
import Synchronization

/// Pool time out of the dates that the members' answers carry. A date is cut to whole seconds; each answer therefore says
/// between which bounds the member's clock is ahead of ours, and the bounds of several answers together are narrow. Of
/// several members the median counts, so that one whose clock is wrong does not matter, this host's included.
final class EtcdClock: Sendable {
  private struct Reading {
    var low: Int64
    var high: Int64
    /// When it was last confirmed, on our steady clock.
    var at: Int64
  }

  private let readings = Mutex<[String: Reading]>([:])

  /// How far two good clocks may run apart, in parts of a million.
  private static let drift: Int64 = 200
  /// A member not heard for so long has no say, milliseconds.
  static let lifetime: Int64 = 30_000

  /// Milliseconds on a clock that never jumps.
  static func steady() -> Int64 {
    var time = timespec()
    guard clock_gettime(CLOCK_BOOTTIME, &time) == 0 else { return 0 }
    return Int64(time.tv_sec) &* 1_000 &+ Int64(time.tv_nsec) / 1_000_000
  }

  /// A member answered with a date to a request that was sent at `sentAt`.
  func take(_ date: String, of member: String, sentAt: Int64, now: Int64 = steady()) {
    guard let milliseconds = Self.milliseconds(date) else { return }
    readings.withLock { readings in
      // The date was true somewhere between the two instants, and up to a second has passed in it.
      var reading = Reading(low: milliseconds - now, high: milliseconds + 1_000 - sentAt, at: now)
      if let known = readings[member] {
        let widening = 1 + (now - known.at) * Self.drift / 1_000_000
        let low = max(reading.low, known.low - widening)
        let high = min(reading.high, known.high + widening)
        // Bounds that do not meet: somebody set the member's clock.
        if low <= high { (reading.low, reading.high) = (low, high) }
      }
      readings[member] = reading
    }
  }

  /// The members of which nothing has been heard for `age` milliseconds.
  func unheard(of members: [String], for age: Int64, now: Int64 = steady()) -> [String] {
    readings.withLock { readings in
      members.filter { member in readings[member].map { now - $0.at >= age } ?? true }
    }
  }

  /// Pool time now, milliseconds since 1970; `nil` when no member was heard lately.
  func milliseconds(now: Int64 = steady()) -> Int64? {
    let offsets = readings.withLock { readings in
      readings.values.filter { now - $0.at < Self.lifetime }.map { $0.low + ($0.high - $0.low) / 2 }.sorted()
    }
    guard !offsets.isEmpty else { return nil }
    let middle = offsets.count / 2
    let offset =
      offsets.count.isMultiple(of: 2) ? (offsets[middle - 1] + offsets[middle]) / 2 : offsets[middle]
    return now + offset
  }

  /// An HTTP date, as `Mon, 23 Nov 2026 15:04:05 GMT` (RFC 9110 section 5.6.7), in milliseconds since 1970.
  static func milliseconds(_ date: String) -> Int64? {
    let words = date.split(separator: " ")
    guard words.count == 6, let day = Int32(words[1]), let year = Int32(words[3]), year > 1970,
      let month = Self.months.firstIndex(of: String(words[2]))
    else { return nil }
    let clock = words[4].split(separator: ":").compactMap { Int32($0) }
    guard clock.count == 3 else { return nil }
    var parts = tm()
    (parts.tm_mday, parts.tm_mon, parts.tm_year) = (day, Int32(month), year - 1900)
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock[0], clock[1], clock[2])
    let seconds = timegm(&parts)
    return seconds > 0 ? Int64(seconds) * 1_000 : nil
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
}
