/// A point on this machine's boot-time clock (CLOCK_BOOTTIME), in nanoseconds. Deadlines are kept in it: it does
/// not jump and it goes on while the machine sleeps. Instants of two machines cannot be compared.
public struct Instant: Hashable, Sendable, Codable, Comparable {
  /// Nanoseconds since the machine booted.
  public let nanoseconds: Int64

  /// An instant `nanoseconds` after boot.
  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// Orders by time.
  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

  /// The instant `duration` later; stays at the end of the range rather than trap.
  public static func + (left: Self, right: Duration) -> Self {
    let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
    return Self(nanoseconds: overflow ? .max : sum)
  }

  /// How long `left` is after `right`; negative when it is before.
  public static func - (left: Self, right: Self) -> Duration {
    .nanoseconds(left.nanoseconds.subtractingReportingOverflow(right.nanoseconds).partialValue)
  }
}

/// Pool time: the fabric store's clock, in milliseconds since 1970-01-01 UTC. Expiry of bindings and dates in
/// records are kept in it, so that all servers of a pool agree.
public struct PoolTime: Hashable, Sendable, Codable, Comparable {
  /// Milliseconds since 1970-01-01 UTC.
  public let milliseconds: Int64

  /// A time `milliseconds` after 1970-01-01 UTC.
  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// Reads a bare number.
  public init(from decoder: any Decoder) throws {
    milliseconds = try decoder.singleValueContainer().decode(Int64.self)
  }

  /// Writes a bare number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(milliseconds)
  }

  /// Orders by time.
  public static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }

  /// The time `duration` later; stays at the end of the range rather than trap.
  public static func + (left: Self, right: Duration) -> Self {
    let (sum, overflow) = left.milliseconds.addingReportingOverflow(right.milliseconds)
    return Self(milliseconds: overflow ? .max : sum)
  }

  /// How long `left` is after `right`; negative when it is before.
  public static func - (left: Self, right: Self) -> Duration {
    .milliseconds(left.milliseconds.subtractingReportingOverflow(right.milliseconds).partialValue)
  }
}

extension Duration {
  /// The whole duration in nanoseconds, held to the range of `Int64`.
  public var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, second) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    return second ? (seconds < 0 ? .min : .max) : sum
  }

  /// The whole duration in milliseconds, rounded towards zero.
  public var milliseconds: Int64 { nanoseconds / 1_000_000 }

  /// The duration in seconds as a fraction, for display and arithmetic that may round.
  public var inSeconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
