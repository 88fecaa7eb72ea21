import Foundation
import Testing

@testable import PatchEngine

@Suite struct WindowTests {
  /// A time in Berlin, by default in November 2026 (UTC+1); the 23rd is a Monday.
  private func berlin(_ day: Int, _ hour: Int, _ minute: Int = 0, month: Int = 11) throws -> Date {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "Europe/Berlin"))
    let parts = DateComponents(year: 2026, month: month, day: day, hour: hour, minute: minute)
    return try #require(calendar.date(from: parts))
  }

  private func utc(_ text: String) throws -> Date { try Date(text, strategy: .iso8601) }

  @Test func opensAndShuts() throws {
    let windows = try MaintenanceWindows(["Mon-Fri 10:00-16:00 Europe/Berlin"])
    let open = try #require(windows.state(at: try berlin(23, 12)))
    #expect(open.left == .seconds(4 * 3_600))
    #expect(open.opens == nil)
    #expect(open.longest == .seconds(6 * 3_600))
    let early = try #require(windows.state(at: try berlin(23, 9, 30)))
    #expect(early.left == .zero)
    #expect(early.opens == .seconds(1_800))
    let saturday = try #require(windows.state(at: try berlin(28, 12)))
    #expect(saturday.left == .zero)
    #expect(saturday.opens == .seconds(46 * 3_600))
  }

  @Test func goesOverMidnight() throws {
    let windows = try MaintenanceWindows(["Sun,Mon 22:00-02:00 Europe/Berlin"])
    #expect(windows.state(at: try berlin(24, 1))?.left == .seconds(3_600))
    #expect(windows.state(at: try berlin(24, 23))?.left == .zero)
    #expect(windows.state(at: try berlin(23, 23))?.left == .seconds(3 * 3_600))
    #expect(windows.state(at: try berlin(23, 23))?.longest == .seconds(4 * 3_600))
  }

  @Test func anyWindowMayBeOpen() throws {
    let windows = try MaintenanceWindows(["Sat 00:00-24:00", "daily 10:00-11:00 Europe/Berlin"])
    #expect(windows.state(at: try berlin(23, 10, 30))?.left == .seconds(1_800))
    #expect(try MaintenanceWindows([]).state(at: try berlin(23, 10)) == nil)
  }

  /// A window that begins where another ends is the same to whoever has a server out.
  @Test func windowsThatMeetAreOne() throws {
    let windows = try MaintenanceWindows(["Mon 20:00-24:00", "Tue 00:00-06:00"])
    #expect(windows.state(at: try utc("2026-11-23T23:00:00Z"))?.left == .seconds(7 * 3_600))
    #expect(windows.state(at: try utc("2026-11-23T12:00:00Z"))?.longest == .seconds(10 * 3_600))
    let always = try MaintenanceWindows(["daily 00:00-24:00 Europe/Berlin"])
    #expect(try #require(always.state(at: try berlin(23, 23, 59))).left > .seconds(7 * 86_400))
  }

  /// On 2026-03-29 clocks in Berlin go from 02:00 to 03:00 at 01:00 UTC.
  @Test func clocksGoForward() throws {
    let night = try MaintenanceWindows(["Sun 01:00-05:00 Europe/Berlin"])
    // 00:00 UTC to 03:00 UTC: an hour less than on other Sundays.
    #expect(night.state(at: try utc("2026-03-29T00:00:00Z"))?.left == .seconds(3 * 3_600))
    #expect(night.state(at: try utc("2026-04-05T00:00:00Z"))?.left == .seconds(3 * 3_600))
    #expect(night.state(at: try utc("2026-04-04T23:00:00Z"))?.left == .seconds(4 * 3_600))
    // The hour is left out: it never comes that day.
    let left = try MaintenanceWindows(["Sun 02:00-03:00 Europe/Berlin"])
    #expect(left.state(at: try utc("2026-03-29T01:30:00Z"))?.left == .zero)
    #expect(left.state(at: try utc("2026-03-29T00:30:00Z"))?.left == .zero)
    #expect(left.state(at: try utc("2026-04-05T00:30:00Z"))?.left == .seconds(1_800))
    // It begins within the hour that is left out: when clocks go forward.
    let within = try MaintenanceWindows(["Sun 02:30-04:00 Europe/Berlin"])
    #expect(within.state(at: try utc("2026-03-29T00:59:59Z"))?.opens == .seconds(1))
    #expect(within.state(at: try utc("2026-03-29T01:00:00Z"))?.left == .seconds(3_600))
  }

  /// On 2026-10-25 clocks in Berlin go from 03:00 back to 02:00 at 01:00 UTC.
  @Test func clocksGoBack() throws {
    let night = try MaintenanceWindows(["Sun 01:00-05:00 Europe/Berlin"])
    // 23:00 UTC to 04:00 UTC: an hour more.
    #expect(night.state(at: try utc("2026-10-24T23:00:00Z"))?.left == .seconds(5 * 3_600))
    #expect(night.state(at: try utc("2026-10-31T23:00:00Z"))?.left == .zero)
    #expect(night.state(at: try utc("2026-11-01T00:00:00Z"))?.left == .seconds(4 * 3_600))
    // An end that clocks show twice is the first of the two: nothing is out later than somebody may have meant.
    let twice = try MaintenanceWindows(["Sun 01:00-02:30 Europe/Berlin"])
    #expect(twice.state(at: try utc("2026-10-24T23:00:00Z"))?.left == .seconds(5_400))
  }

  @Test func daysAreThoseOfTheZone() throws {
    let windows = try MaintenanceWindows(["Mon 08:00-09:00 Pacific/Auckland"])
    // Monday 2026-11-23 08:00 in Auckland (UTC+13) is Sunday 19:00 UTC.
    #expect(windows.state(at: try utc("2026-11-22T19:00:00Z"))?.left == .seconds(3_600))
    let other = try MaintenanceWindows(["Mon 20:00-21:00 America/Los_Angeles"])
    #expect(other.state(at: try utc("2026-11-24T04:30:00Z"))?.left == .seconds(1_800))
  }

  @Test(arguments: [
    "", "Mon", "Mon 10:00", "Foo 10:00-11:00", "Mon 10:00-10:00", "Mon 25:00-26:00",
    "Mon 10:00-11:00 Mars/Olympus", "Mon-Fri-Sun 10:00-11:00", "Mon 1000-1100", "Mon- 10:00-11:00",
    "Mon 10:00-", "Mon 24:00-25:00", "Mon +1:00-02:00", "Mon 10:00-11:00 Europe/Berlin now",
  ])
  func isRefused(_ text: String) {
    #expect(throws: PatchEngineError.self) { try MaintenanceWindows([text]) }
  }
}
