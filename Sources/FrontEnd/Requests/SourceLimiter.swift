import PoolModel

/// A token bucket for each address that sends requests. When the table is full, buckets that are full again, which say
/// nothing, are forgotten; if none is, new addresses share one bucket.
struct SourceLimiter {
  private struct Bucket {
    var tokens: Double
    var at: Instant

    mutating func take(rate: Double, burst: Double, at now: Instant) -> Bool {
      tokens = min(burst, tokens + max(0, (now - at).inSeconds) * rate)
      at = now
      guard tokens >= 1 else { return false }
      tokens -= 1
      return true
    }
  }

  private let rate: Double
  private let burst: Double
  private let capacity: Int
  private let loopbackIsUnlimited: Bool
  private var buckets: [IPAddress: Bucket] = [:]
  private var shared: Bucket
  private var lastSweep = Instant(nanoseconds: 0)

  /// A limiter by the limits given.
  init(_ limits: FrontEndLimits) {
    rate = Double(max(0, limits.requestsPerSecondAndSource))
    burst = Double(max(1, limits.burstPerSource))
    capacity = max(1, limits.sourcesRemembered)
    loopbackIsUnlimited = limits.loopbackIsUnlimited
    shared = Bucket(tokens: burst, at: Instant(nanoseconds: 0))
  }

  /// Whether one more request of `source` is within its limit.
  mutating func admit(_ source: IPAddress, at now: Instant) -> Bool {
    guard rate > 0, !(loopbackIsUnlimited && source.isLoopback) else { return true }
    if buckets[source] == nil {
      if buckets.count >= capacity { sweep(now) }
      guard buckets.count < capacity else { return shared.take(rate: rate, burst: burst, at: now) }
    }
    return buckets[source, default: Bucket(tokens: burst, at: now)].take(rate: rate, burst: burst, at: now)
  }

  /// At most once a second, so that a flood of addresses does not cost a sweep each.
  private mutating func sweep(_ now: Instant) {
    guard now - lastSweep >= .seconds(1) else { return }
    lastSweep = now
    let refill = Duration.seconds(burst / rate)
    buckets = buckets.filter { now - $0.value.at < refill }
  }
}
