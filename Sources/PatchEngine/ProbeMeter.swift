import PatchRun
import PoolDriving
import PoolModel
import Synchronization

/// Sums samples up.
final class ProbeMeter: Sendable {
  private struct Sums {
    var all = ProbeTally()
    var group: RoutingGroupID?
    var server: ServerName?
    var servers: [ServerName: ProbeTally] = [:]
    var groups: [RoutingGroupID: (tally: ProbeTally, at: PoolTime?)] = [:]
  }

  private let sums = Mutex(Sums())
  private let clock: PoolClock?

  /// - Parameter clock: dates gaps; `nil` to leave that out.
  init(clock: PoolClock? = nil) { self.clock = clock }

  func take(_ sample: ProbeSample) {
    sums.withLock { sums in
      if sample.gap > sums.all.longestGap { (sums.group, sums.server) = (sample.group, sample.server) }
      sums.all.take(sample)
      sums.servers[sample.server, default: ProbeTally()].take(sample)
      var group = sums.groups[sample.group] ?? (ProbeTally(), nil)
      if sample.gap > group.tally.longestGap { group.at = clock?.now }
      group.tally.take(sample)
      sums.groups[sample.group] = group
    }
  }

  /// What was seen so far; `nil` before the first sample.
  var summary: ProbeSummary? {
    let sums = sums.withLock { $0 }
    guard !sums.groups.isEmpty else { return nil }
    var summary = ProbeSummary(
      requests: sums.all.requests,
      failed: sums.all.failed,
      longestGap: sums.all.longestGap,
      group: sums.group
    )
    summary.server = sums.server
    summary.users = sums.groups.count
    summary.servers = sums.servers.map { ProbeSummary.ServerTally(server: $0, tally: $1) }
      .sorted { $0.server < $1.server }
    // Half of the longest gap is what was felt there as well; a list of all groups would say nothing.
    let notable = sums.groups.filter { $1.tally.failed > 0 || $1.tally.longestGap * 2 > sums.all.longestGap }
    let tallies = notable.map { ProbeSummary.GroupTally(group: $0, tally: $1.tally, at: $1.at) }
    summary.groups = Array(tallies.sorted(by: ProbeSummary.isWorse).prefix(ProbeSummary.groupsListed))
    return summary
  }
}

extension ProbeTally {
  fileprivate mutating func take(_ sample: ProbeSample) {
    if sample.standing != .open { requests += 1 }
    if sample.standing == .failed { failed += 1 }
    longestGap = max(longestGap, sample.gap)
  }
}
