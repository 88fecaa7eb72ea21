public import PoolModel

extension Duration {
  /// `350 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`: rounded for people.
  public var text: String {
    let all = milliseconds
    if all < 0 { return "0 ms" }
    if all < 1_000 { return "\(all) ms" }
    if all < 60_000 {
      let tenths = (all + 50) / 100
      return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
    let seconds = all / 1_000
    if seconds < 3_600 {
      return seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s"
    }
    let minutes = seconds / 60
    return minutes % 60 == 0 ? "\(minutes / 60) h" : "\(minutes / 60) h \(minutes % 60) min"
  }
}

extension PoolTime {
  /// `2026-11-23 12:05:01Z`.
  public var text: String {
    let date = CivilTime(self)
    return "\(date.day(separator: "-")) \(date.clock(separator: ":"))Z"
  }

  /// `20261123-120501`: sorts by time; the head of a run's identifier.
  public var compact: String {
    let date = CivilTime(self)
    return "\(date.day(separator: ""))-\(date.clock(separator: ""))"
  }
}

/// A time as the calendar (UTC, Gregorian) writes it; the cores have no Foundation.
struct CivilTime: Hashable {
  var year: Int64
  var month: Int64
  var dayOfMonth: Int64
  var secondOfDay: Int64

  /// Days to civil date after the well-known algorithm of eras of 400 years with March as the first month.
  init(_ time: PoolTime) {
    let seconds = time.milliseconds.floored(by: 1_000)
    let days = seconds.floored(by: 86_400)
    secondOfDay = seconds - days * 86_400
    let shifted = days + 719_468
    let era = shifted.floored(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    dayOfMonth = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  func day(separator: String) -> String {
    "\(year)\(separator)\(Self.two(month))\(separator)\(Self.two(dayOfMonth))"
  }

  func clock(separator: String) -> String {
    [secondOfDay / 3_600, secondOfDay / 60 % 60, secondOfDay % 60].map(Self.two).joined(separator: separator)
  }

  private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension Int64 {
  /// Division that rounds down, also below zero; `divisor` is above zero.
  func floored(by divisor: Int64) -> Int64 {
    self >= 0 ? self / divisor : -((-(self + 1)) / divisor) - 1
  }
}
