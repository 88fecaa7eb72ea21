/// The Date header field: RFC 1123 and always GMT (RFC 3261 section 20.17).
public enum SIPDate {
  private static let days = Array("ThuFriSatSunMonTueWed".utf8)
  private static let months = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)
  /// 9999-12-31T23:59:59Z, the last date with four digits of year.
  private static let latest: Int64 = 253_402_300_799

  /// The date as text, such as `Sat, 13 Nov 2010 23:29:00 GMT`.
  /// - Parameter milliseconds: since 1970-01-01T00:00:00Z; clamped to the years 1970...9999.
  public static func text(milliseconds: Int64) -> String {
    String(decoding: bytes(milliseconds: milliseconds), as: UTF8.self)
  }

  /// The same as bytes: it is in every 200, and text would cost more than all else in it.
  static func bytes(milliseconds: Int64) -> [UInt8] {
    let seconds = min(max(milliseconds / 1_000, 0), latest)
    let day = seconds / 86_400
    let (year, month, date) = civil(fromDays: day)
    let time = seconds % 86_400
    var result: [UInt8] = []
    result.reserveCapacity(32)
    let weekday = Int(day % 7) * 3
    result.append(contentsOf: days[weekday..<(weekday + 3)])
    result.append(contentsOf: [UInt8(ascii: ","), 0x20])
    append(date, 0x20, to: &result)
    let name = Int(month - 1) * 3
    result.append(contentsOf: months[name..<(name + 3)])
    result.append(0x20)
    append(year / 100, nil, to: &result)
    append(year % 100, 0x20, to: &result)
    append(time / 3_600, UInt8(ascii: ":"), to: &result)
    append(time / 60 % 60, UInt8(ascii: ":"), to: &result)
    append(time % 60, 0x20, to: &result)
    result.append(contentsOf: "GMT".utf8)
    return result
  }

  /// Two digits and what separates them from the next.
  private static func append(_ value: Int64, _ separator: UInt8?, to result: inout [UInt8]) {
    result.append(0x30 &+ UInt8(truncatingIfNeeded: value / 10))
    result.append(0x30 &+ UInt8(truncatingIfNeeded: value % 10))
    if let separator { result.append(separator) }
  }

  /// Days since 1970-01-01 to year, month and day of the Gregorian calendar, by eras of 400 years that begin in March.
  private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}
