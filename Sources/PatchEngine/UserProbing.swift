import PatchRun
public import PoolModel
import Synchronization

/// Tells what users feel during a run: registers and queries one synthetic user of each routing group through every
/// server in service, over and over. The adapter is who speaks the pool's protocol.
public protocol UserProbing: Sendable {
  /// Probes until it is cancelled; tells the outcome of each request as it comes.
  func probe(_ tell: @escaping @Sendable (ProbeSample) -> Void) async
}

/// The outcome of one request of a synthetic user.
public struct ProbeSample: Hashable, Sendable {
  /// The group of the user.
  public var group: RoutingGroupID
  /// Whether it was answered well in time.
  public var isGood: Bool
  /// From the first try until it was answered well: what the user would have waited.
  public var took: Duration

  /// A sample.
  public init(group: RoutingGroupID, isGood: Bool, took: Duration) {
    self.group = group
    self.isGood = isGood
    self.took = took
  }
}

/// Sums samples up.
final class ProbeMeter: Sendable {
  private let value = Mutex(ProbeSummary(requests: 0, failed: 0, longestGap: .zero))

  func take(_ sample: ProbeSample) {
    value.withLock { summary in
      summary.requests += 1
      if !sample.isGood { summary.failed += 1 }
      if sample.took > summary.longestGap {
        summary.longestGap = sample.took
        summary.group = sample.group
      }
    }
  }

  /// What was seen so far; `nil` before the first sample.
  var summary: ProbeSummary? {
    let summary = value.withLock { $0 }
    return summary.requests == 0 ? nil : summary
  }
}
