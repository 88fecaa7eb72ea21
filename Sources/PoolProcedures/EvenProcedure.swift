public import PoolDriving
import PoolModel
public import Replication

/// Evening out of primaries: plans who should lead what, asks the primaries to hand over by `preferredPrimary`, and
/// plans again when a target can no longer lead. It ends when there is nothing to gain, and answers how many groups have
/// moved.
public struct EvenProcedure: PoolProcedure {
  /// A plan that was not begun.
  public init() {}

  private var plan: [RoutingGroupID: ServerName] = [:]
  private var before: GroupTable<ServerName?>?
  private var total = 0

  /// What comes next when the fabric looks like `view`.
  public mutating func next(_ view: FabricView) throws(PoolDriverError) -> ProcedureStep<Int> {
    if before == nil { before = view.groups.mapValues { $0.record.primary } }
    if plan.allSatisfy({ isReached($0.key, in: view) }) || plan.contains(where: { isVain($0.key, in: view) })
    {
      plan = Placement.evenPrimaries(view)
      total = max(total, moved(view) + plan.count)
    }
    let updates = asks(view)
    if !updates.isEmpty { return .commit(updates) }
    if plan.isEmpty { return .done(moved(view)) }
    let done = moved(view)
    return .wait(DriverProgress("\(done) of \(total) primaries moved", done: done, of: total))
  }

  /// Takes back what was asked for and has not happened.
  public var undo: EvenUndo { EvenUndo(plan: plan) }

  private func moved(_ view: FabricView) -> Int {
    view.groups.values.count { group in
      guard let primary = before?[group.record.id] else { return false }
      return group.record.primary != primary
    }
  }

  private func isReached(_ id: RoutingGroupID, in view: FabricView) -> Bool {
    guard let group = view.groups[id]?.record else { return true }
    return group.primary == plan[id] && view.hasLiveLeader(group)
  }

  /// Whether the target cannot lead the group any more.
  private func isVain(_ id: RoutingGroupID, in view: FabricView) -> Bool {
    guard let group = view.groups[id]?.record, let target = plan[id] else { return true }
    return !view.takesPrimaries(target)
      || !group.replicas.contains { $0.server == target && view.isUp($0) }
  }

  /// Preferences to be written: those of the plan, and an end to others that would undo it.
  private func asks(_ view: FabricView) -> [FabricUpdate] {
    view.groups.values.sorted { $0.record.id < $1.record.id }.compactMap { group in
      let record = group.record
      guard view.hasLiveLeader(record) else { return nil }
      let target = plan[record.id]
      // While a swap runs the record is the primary's and the target's to write.
      guard record.primary != target, record.preferredPrimary != target, record.swap == nil else {
        return nil
      }
      return Self.prefer(target, for: group)
    }
  }

  static func prefer(_ server: ServerName?, for group: Versioned<GroupRecord>) -> FabricUpdate {
    var record = group.record
    record.preferredPrimary = server
    return FabricUpdate(
      when: [
        .groupIs(record.id, revision: group.revision), .generationIs(record.id, record.generation),
      ],
      write: [.group(record, fencing: false)]
    )
  }
}

/// Takes back what an evening out asked for and did not get in time.
public struct EvenUndo: PoolProcedure {
  /// Who was asked to lead what.
  let plan: [RoutingGroupID: ServerName]

  /// What comes next when the fabric looks like `view`.
  public mutating func next(_ view: FabricView) throws(PoolDriverError) -> ProcedureStep<Done> {
    let updates = plan.keys.sorted().compactMap { id -> FabricUpdate? in
      guard let group = view.groups[id], group.record.preferredPrimary == plan[id] else { return nil }
      return EvenProcedure.prefer(nil, for: group)
    }
    return updates.isEmpty ? .done(Done()) : .commit(updates)
  }
}
