public import PoolDriving
import PoolModel
public import Replication

/// A quorum-loss recovery: plans, lets the plan be committed, plans again for what was refused, and waits until the
/// groups are built where they were placed. Answers what it did, without the count of bindings.
public struct RecoveryProcedure: PoolProcedure {
  /// A recovery that was not begun.
  public init() {}

  private struct Rebuilt: Sendable {
    var plan: QuorumLossRecovery.GroupPlan
    var generation: UInt64
  }

  /// What was planned last for each group that was committed, or may have been.
  private var attempted: [RoutingGroupID: Rebuilt] = [:]
  /// Groups that only have to be waited for.
  private var resuming: Set<RoutingGroupID> = []

  /// What comes next when the fabric looks like `view`.
  public mutating func next(_ view: FabricView) throws(PoolDriverError) -> ProcedureStep<RecoveryReport> {
    let plan = QuorumLossRecovery(view)
    // A group that was rebuilt and is loading still counts as down: that is not for another recovery.
    let open = plan.groups.filter { !isRebuilt($0.id, in: view) }
    guard plan.hopeless.isEmpty || !open.isEmpty || !attempted.isEmpty else {
      throw PoolDriverError(
        .refused,
        "\(Self.list(plan.hopeless)) cannot be recovered: no server in service lives that could hold a replica"
      )
    }
    resuming.formUnion(plan.resuming)
    guard open.isEmpty else {
      for group in open {
        let generation = (view.groups[group.id]?.record.generation ?? 0) &+ 1
        attempted[group.id] = Rebuilt(plan: group, generation: generation)
      }
      return .commit(QuorumLossRecovery(view, only: Set(open.map(\.id))).updates)
    }
    let recovered = attempted.keys.filter { isRebuilt($0, in: view) }.sorted()
    let awaited = resuming.union(recovered)
    let served = awaited.count { isServed($0, in: view) }
    guard served == awaited.count else {
      return .wait(
        DriverProgress("\(served) of \(awaited.count) groups rebuilt", done: served, of: awaited.count)
      )
    }
    guard plan.hopeless.isEmpty else {
      throw PoolDriverError(
        .refused,
        "\(recovered.count) groups were recovered, but \(Self.list(plan.hopeless)) could not be:"
          + " no server in service lives that could hold a replica"
      )
    }
    return .done(report(recovered))
  }

  private func report(_ recovered: [RoutingGroupID]) -> RecoveryReport {
    let plans = recovered.compactMap { attempted[$0]?.plan }
    return RecoveryReport(
      groups: recovered,
      lostServers: Set(plans.flatMap(\.lost)).sorted(),
      replicasLost: plans.reduce(0) { $0 + $1.lost.count },
      replicasPlaced: plans.reduce(0) { $0 + $1.rebuiltOn.count },
      bindingsRecovered: 0
    )
  }

  /// Whether the group was rebuilt as planned here: no lost replica is listed any more and its generation has risen.
  private func isRebuilt(_ id: RoutingGroupID, in view: FabricView) -> Bool {
    guard let rebuilt = attempted[id], let group = view.groups[id]?.record else { return false }
    return group.generation >= rebuilt.generation
      && !group.replicas.contains { rebuilt.plan.lost.contains($0.server) && view.live[$0.server] == nil }
  }

  /// Whether the group is led and every replica of it is loaded.
  private func isServed(_ id: RoutingGroupID, in view: FabricView) -> Bool {
    guard let group = view.groups[id]?.record else { return true }
    return view.hasLiveLeader(group) && group.replicas.allSatisfy { view.isUp($0) }
  }

  private static func list(_ groups: [RoutingGroupID]) -> String {
    let shown = groups.prefix(5).map(\.description).joined(separator: ", ")
    return groups.count > 5 ? "\(shown) and \(groups.count - 5) others" : shown
  }
}
