import Foundation
import PoolModel

/// A maintenance window in the time of its zone.
struct ZonedWindow: Hashable, Sendable {
  var window: MaintenanceWindow
  var zone: TimeZone

  /// Reads a window.
  /// - Throws: `.invalid` with what is wrong.
  init(_ text: String) throws(PatchEngineError) {
    do throws(MaintenanceWindow.Fault) { window = try MaintenanceWindow(parsing: text) } catch {
      throw PatchEngineError(.invalid, error.description)
    }
    guard let zone = TimeZone(identifier: window.zone) else {
      throw PatchEngineError(.invalid, "the window '\(text)': '\(window.zone)' is no time zone")
    }
    self.zone = zone
  }

  /// When it is open on the day with that number (1970-01-01 is 0), as seconds of Unix time; `nil` when it does not begin
  /// that day, or not at all because its hour is left out when clocks go forward.
  func span(day: Int) -> Range<Int>? {
    // 1970-01-01 was a Thursday, the 5th day of a week that begins on Sunday.
    guard window.days.contains((day + 4).positiveRemainder(7)) else { return nil }
    let begin = instant(day: day, minute: window.begins)
    let end = instant(day: window.ends > window.begins ? day : day + 1, minute: window.ends)
    return begin < end ? begin..<end : nil
  }

  /// The instant when the clocks of the zone first show a time of a day; when they leave it out (they go forward), the
  /// instant of that change.
  private func instant(day: Int, minute: Int) -> Int {
    let wall = day * 86_400 + minute * 60
    let before = offset(wall - 86_400)
    let after = offset(wall + 86_400)
    if before == after || offset(wall - before) == before { return wall - before }
    if offset(wall - after) == after { return wall - after }
    let change = zone.nextDaylightSavingTimeTransition(
      after: Date(timeIntervalSince1970: Double(wall - max(before, after)))
    )
    return change.map { Int($0.timeIntervalSince1970) } ?? wall - before
  }

  /// The zone's distance from UTC, in seconds.
  func offset(_ seconds: Int) -> Int {
    zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
  }
}

extension Int {
  fileprivate func positiveRemainder(_ divisor: Int) -> Int {
    let rest = self % divisor
    return rest < 0 ? rest + divisor : rest
  }
}

/// All windows of a run; any of them may be open, and those that meet are one.
struct MaintenanceWindows: Hashable, Sendable {
  /// How they stand at a time.
  struct State: Hashable, Sendable {
    /// For how long one stays open; zero while all are shut.
    var left: Duration
    /// When one opens; `nil` while one is open.
    var opens: Duration?
    /// The longest that any is open in these weeks.
    var longest: Duration
  }

  let windows: [ZonedWindow]

  init(_ texts: [String]) throws(PatchEngineError) {
    guard texts.count <= 100 else { throw PatchEngineError(.invalid, "there are more than 100 windows") }
    var windows: [ZonedWindow] = []
    for text in texts { windows.append(try ZonedWindow(text)) }
    self.windows = windows
  }

  /// How they stand; `nil` without windows.
  func state(at date: Date) -> State? {
    guard !windows.isEmpty else { return nil }
    let now = Int(date.timeIntervalSince1970)
    let spans = spans(around: now)
    let open = spans.first { $0.contains(now) }
    let next = spans.first { $0.lowerBound > now }
    let longest = spans.map(\.count).max() ?? 0
    return State(
      left: .seconds(open.map { $0.upperBound - now } ?? 0),
      opens: open == nil ? next.map { .seconds($0.lowerBound - now) } : nil,
      longest: .seconds(longest)
    )
  }

  /// When any is open from a week back to two weeks on, in order; a window that goes on where another ends is one with it.
  private func spans(around now: Int) -> [Range<Int>] {
    var found: [Range<Int>] = []
    for window in windows {
      let today = (now + window.offset(now)) / 86_400
      found += (today - 7...today + 14).compactMap { window.span(day: $0) }
    }
    var joined: [Range<Int>] = []
    for span in found.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = joined.last, span.lowerBound <= last.upperBound {
        joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, span.upperBound)
      } else {
        joined.append(span)
      }
    }
    return joined
  }
}
