/// A time of the week in which servers may be taken out: `Mon-Fri 10:00-16:00 Europe/Berlin`. Days are one (`Sat`), a span
/// (`Mon-Fri`), a list (`Mon,Wed`) or `daily`; a time that ends before it begins goes over midnight; without a zone it is UTC.
public struct MaintenanceWindow: Hashable, Sendable {
  /// Why a text is no window, for people.
  public struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, and how to write it.
    public var description: String
  }

  /// Days it begins on, 0 for Sunday.
  public var days: Set<Int>
  /// The minute of the day when it begins, 0 to 1439.
  public var begins: Int
  /// The minute of the day when it ends, 0 to 1440; on the next day when that is not later than `begins`.
  public var ends: Int
  /// The name of its time zone, as in the IANA time zone database.
  public var zone: String

  private static let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// Reads a window. Whether the time zone exists is not known here.
  public init(parsing text: String) throws(Fault) {
    func fault(_ what: String) -> Fault {
      Fault(description: "the window '\(text)': \(what); write it like 'Mon-Fri 10:00-16:00 Europe/Berlin'")
    }
    let parts = text.utf8.count <= 256 ? text.split(separator: " ").map(String.init) : []
    guard parts.count == 2 || parts.count == 3 else { throw fault("it has no days and times") }
    guard let days = Self.days(parts[0].lowercased()) else { throw fault("'\(parts[0])' are no days") }
    let times = parts[1].split(separator: "-", omittingEmptySubsequences: false).map { Self.minutes($0) }
    guard times.count == 2, let begins = times[0], let ends = times[1], begins < 1_440 else {
      throw fault("'\(parts[1])' are no times")
    }
    guard begins != ends else { throw fault("it never opens") }
    self.days = days
    self.begins = begins
    self.ends = ends
    zone = parts.count == 3 ? parts[2] : "UTC"
  }

  private static func days(_ text: String) -> Set<Int>? {
    if text == "daily" { return Set(0...6) }
    var days: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
        .map { names.firstIndex(of: String($0)) }
      guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil else { return nil }
      var day = first
      days.insert(day)
      while day != last {
        day = (day + 1) % 7
        days.insert(day)
      }
    }
    return days.isEmpty ? nil : days
  }

  private static func minutes(_ text: Substring) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ (1...2).contains($0.count) && $0.allSatisfy(\.isNumber) }),
      let hour = Int(parts[0]), let minute = Int(parts[1]), (0...59).contains(minute)
    else { return nil }
    guard (0...23).contains(hour) || (hour == 24 && minute == 0) else { return nil }
    return hour * 60 + minute
  }
}
