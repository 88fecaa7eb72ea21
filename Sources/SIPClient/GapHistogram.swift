/// Counts of gaps by size, within 3 %: eight buckets to each doubling of the microseconds.
public struct GapHistogram: Hashable, Sendable {
  private var counts: [Int] = []
  /// How many gaps were counted.
  public private(set) var count = 0
  /// The longest, in nanoseconds, exact.
  public private(set) var longest: Int64 = 0

  /// Nothing counted yet.
  public init() {}

  /// Counts one gap, in nanoseconds.
  public mutating func record(_ gap: Int64) {
    let bucket = Self.bucket(ofMicroseconds: UInt64(max(0, gap)) / 1000)
    if bucket >= counts.count {
      counts.append(contentsOf: repeatElement(0, count: bucket + 1 - counts.count))
    }
    counts[bucket] += 1
    count += 1
    longest = max(longest, gap)
  }

  /// The gap that `share` (0...1) of the gaps do not exceed, in nanoseconds; 0 when there are none.
  public func percentile(_ share: Double) -> Int64 {
    let wanted = max(1, Int((Double(count) * share).rounded(.up)))
    var seen = 0
    for (bucket, number) in counts.enumerated() {
      seen += number
      if seen >= wanted { return min(longest, Self.upperMicroseconds(of: bucket) * 1000) }
    }
    return longest
  }

  /// 0...15 one bucket each, then eight to each doubling.
  static func bucket(ofMicroseconds value: UInt64) -> Int {
    guard value >= 16 else { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    let fraction = Int((value >> (UInt64(exponent) - 3)) & 7)
    return 16 + (exponent - 4) * 8 + fraction
  }

  /// The largest value of a bucket.
  static func upperMicroseconds(of bucket: Int) -> Int64 {
    guard bucket >= 16 else { return Int64(bucket) }
    let exponent = min(58, (bucket - 16) / 8 + 4)
    let fraction = Int64((bucket - 16) % 8)
    return ((8 + fraction + 1) << Int64(exponent - 3)) - 1
  }
}
