import Foundation

/// A time of the week in which servers may be taken out: `Mon-Fri 10:00-16:00 Europe/Berlin`. Days are one (`Sat`), a span
/// (`Mon-Fri`), a list (`Mon,Wed`) or `daily`; a time that ends before it begins goes over midnight; without a zone it is UTC.
struct MaintenanceWindow: Hashable, Sendable {
  /// Days it begins on, 1 for Sunday as in `Calendar`.
  var days: Set<Int>
  /// Minutes of the day.
  var begins: Int
  var ends: Int
  var zone: TimeZone

  private static let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// Reads a window.
  /// - Throws: `.invalid` with what is wrong.
  init(_ text: String) throws(PatchEngineError) {
    func invalid(_ what: String) -> PatchEngineError {
      PatchEngineError(
        .invalid,
        "the window '\(text)': \(what); write it like 'Mon-Fri 10:00-16:00 Europe/Berlin'"
      )
    }
    let parts = text.split(separator: " ").map(String.init)
    guard parts.count == 2 || parts.count == 3 else { throw invalid("it has no days and times") }
    guard let days = Self.days(parts[0].lowercased()) else { throw invalid("'\(parts[0])' are no days") }
    let times = parts[1].split(separator: "-").map { Self.minutes(String($0)) }
    guard times.count == 2, let begins = times[0], let ends = times[1], begins < 1_440 else {
      throw invalid("'\(parts[1])' are no times")
    }
    guard begins != ends else { throw invalid("it never opens") }
    guard let zone = TimeZone(identifier: parts.count == 3 ? parts[2] : "UTC") else {
      throw invalid("'\(parts[2])' is no time zone")
    }
    self.days = days
    self.begins = begins
    self.ends = ends
    self.zone = zone
  }

  private static func days(_ text: String) -> Set<Int>? {
    if text == "daily" { return Set(1...7) }
    var days: Set<Int> = []
    for part in text.split(separator: ",") {
      let ends = part.split(separator: "-").map { names.firstIndex(of: String($0)) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2 else { return nil }
      var day = first
      days.insert(day + 1)
      while day != last {
        day = (day + 1) % 7
        days.insert(day + 1)
      }
    }
    return days.isEmpty ? nil : days
  }

  private static func minutes(_ text: String) -> Int? {
    let parts = text.split(separator: ":").map { Int($0) }
    guard parts.count == 2, let hour = parts[0], let minute = parts[1], (0...59).contains(minute) else {
      return nil
    }
    guard (0...23).contains(hour) || (hour == 24 && minute == 0) else { return nil }
    return hour * 60 + minute
  }

  /// The window that began on the day that many days after `date`'s, as times.
  private func span(_ offset: Int, from date: Date, _ calendar: Calendar) -> (Date, Date)? {
    guard let day = calendar.date(byAdding: .day, value: offset, to: calendar.startOfDay(for: date)),
      days.contains(calendar.component(.weekday, from: day)),
      let begin = Self.time(begins, of: day, calendar)
    else { return nil }
    let endDay = ends > begins ? day : calendar.date(byAdding: .day, value: 1, to: day)
    guard let endDay, let end = Self.time(ends, of: endDay, calendar) else { return nil }
    return (begin, end)
  }

  private static func time(_ minutes: Int, of day: Date, _ calendar: Calendar) -> Date? {
    if minutes == 1_440 { return calendar.date(byAdding: .day, value: 1, to: day) }
    return calendar.date(bySettingHour: minutes / 60, minute: minutes % 60, second: 0, of: day)
  }

  /// For how long it stays open, and when it opens next, in seconds from `date`.
  func state(at date: Date) -> (left: TimeInterval, opens: TimeInterval) {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    var opens = TimeInterval.infinity
    for offset in -1...8 {
      guard let (begin, end) = span(offset, from: date, calendar) else { continue }
      if begin <= date, date < end { return (end.timeIntervalSince(date), 0) }
      if begin > date { opens = min(opens, begin.timeIntervalSince(date)) }
    }
    return (0, opens)
  }
}

/// All windows of a run; any of them may be open.
struct MaintenanceWindows: Hashable, Sendable {
  let windows: [MaintenanceWindow]

  init(_ texts: [String]) throws(PatchEngineError) {
    var windows: [MaintenanceWindow] = []
    for text in texts { windows.append(try MaintenanceWindow(text)) }
    self.windows = windows
  }

  /// For how long a window stays open (zero while all are shut), and when one opens; `nil` without windows.
  func state(at date: Date) -> (left: Duration, opens: Duration?)? {
    guard !windows.isEmpty else { return nil }
    let states = windows.map { $0.state(at: date) }
    let left = states.map(\.left).max() ?? 0
    let opens = states.map(\.opens).min() ?? .infinity
    return (.seconds(left), left > 0 || opens == .infinity ? nil : .seconds(opens))
  }
}
