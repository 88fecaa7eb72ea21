import Foundation
import Testing

@testable import PatchEngine

@Suite struct WindowTests {
  /// Monday 2026-11-23, in Berlin (UTC+1).
  private func berlin(_ day: Int, _ hour: Int, _ minute: Int = 0) throws -> Date {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "Europe/Berlin"))
    let parts = DateComponents(year: 2026, month: 11, day: day, hour: hour, minute: minute)
    return try #require(calendar.date(from: parts))
  }

  @Test func opensAndShuts() throws {
    let windows = try MaintenanceWindows(["Mon-Fri 10:00-16:00 Europe/Berlin"])
    let open = try #require(windows.state(at: try berlin(23, 12)))
    #expect(open.left == .seconds(4 * 3_600))
    #expect(open.opens == nil)
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
  }

  @Test func anyWindowMayBeOpen() throws {
    let windows = try MaintenanceWindows(["Sat 00:00-24:00", "daily 10:00-11:00 Europe/Berlin"])
    #expect(windows.state(at: try berlin(23, 10, 30))?.left == .seconds(1_800))
    #expect(try MaintenanceWindows([]).state(at: try berlin(23, 10)) == nil)
  }

  @Test(arguments: [
    "", "Mon", "Mon 10:00", "Foo 10:00-11:00", "Mon 10:00-10:00", "Mon 25:00-26:00",
    "Mon 10:00-11:00 Mars/Olympus",
    "Mon-Fri-Sun 10:00-11:00", "Mon 1000-1100",
  ])
  func isRefused(_ text: String) {
    #expect(throws: PatchEngineError.self) { try MaintenanceWindow(text) }
  }
}
