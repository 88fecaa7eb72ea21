/// Durations as people write them: `500ms`, `2s`, `10m`, `1h`, `1h30m`, `7d`.
public enum DurationText {
  /// Longest duration that is taken: 366 days.
  public static let longest: Duration = .seconds(366 * 86_400)

  /// Reads a duration; `nil` when it is none, is negative or is longer than `longest`. A bare number is none, but `0` is.
  public static func parse(_ text: String) -> Duration? {
    if text == "0" { return .zero }
    var rest = Substring(text)
    var total: Int64 = 0
    var smallest = Int64.max
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard !digits.isEmpty, digits.count <= 12, let value = Int64(digits) else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let size = milliseconds(in: String(unit)), size < smallest else { return nil }
      smallest = size
      let (product, overflow) = value.multipliedReportingOverflow(by: size)
      let (sum, second) = total.addingReportingOverflow(product)
      guard !overflow, !second else { return nil }
      total = sum
    }
    let duration = Duration.milliseconds(total)
    return text.isEmpty || duration > longest ? nil : duration
  }

  /// Reads the original's TimeSpan too: `hh:mm`, `hh:mm:ss`, `d.hh:mm:ss`.
  public static func parseTimeSpan(_ text: String) -> Duration? {
    if let duration = parse(text), text != "0" { return duration }
    var rest = Substring(text)
    var days: Int64 = 0
    if let dot = rest.firstIndex(of: "."), let colon = rest.firstIndex(of: ":"), dot < colon {
      guard let value = number(rest[..<dot], below: 366) else { return nil }
      days = value
      rest = rest[rest.index(after: dot)...]
    }
    let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3, let hours = number(parts[0], below: 24),
      let minutes = number(parts[1], below: 60)
    else { return nil }
    var seconds: Int64 = 0
    if parts.count == 3 {
      guard let value = number(parts[2], below: 60) else { return nil }
      seconds = value
    }
    return .seconds(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
  }

  /// Writes a duration, to the millisecond: `1h30m`, `2s`, `0s`.
  public static func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    var rest = max(0, seconds)
    var text = ""
    for (unit, size) in [("d", Int64(86_400)), ("h", 3600), ("m", 60)] where rest >= size {
      text += "\(rest / size)\(unit)"
      rest %= size
    }
    if rest > 0 { text += "\(rest)s" }
    let thousandths = max(0, attoseconds) / 1_000_000_000_000_000
    if thousandths > 0 { text += "\(thousandths)ms" }
    return text.isEmpty ? "0s" : text
  }

  private static func milliseconds(in unit: String) -> Int64? {
    switch unit {
    case "ms": 1
    case "s": 1000
    case "m", "min": 60_000
    case "h": 3_600_000
    case "d": 86_400_000
    default: nil
    }
  }

  private static func number(_ text: Substring, below limit: Int64) -> Int64? {
    guard !text.isEmpty, text.count <= 4, text.allSatisfy({ $0.isASCII && $0.isNumber }),
      let value = Int64(text), value < limit
    else { return nil }
    return value
  }
}
