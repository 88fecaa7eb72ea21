public import PoolModel

/// The operator's word that what is missing is lost (DESIGN.md section 4): for the groups in quorum loss or down, and
/// only those, the missing replicas are dropped, the generation rises, and replacements are placed on servers that live.
/// Bindings are not touched: the store has them, replacements load them.
public struct QuorumLossRecovery: Hashable, Sendable {
  /// What is done to one group.
  public struct GroupPlan: Hashable, Sendable {
    /// Which group.
    public var id: RoutingGroupID
    /// How it was.
    public var health: GroupHealth
    /// Whose replicas are declared lost.
    public var lost: [ServerName]
    /// Whose replicas stay.
    public var kept: [ServerName]
    /// Where it is rebuilt.
    public var rebuiltOn: [ServerName]
    /// Who leads it right after; `nil` until a replacement has loaded.
    public var primary: ServerName?
  }

  /// What is done, by group number.
  public var groups: [GroupPlan]
  /// Groups in quorum loss or down that nothing needs declaring lost for: every server of theirs lives and is loading.
  public var resuming: [RoutingGroupID]
  /// Groups that cannot be recovered now because no server in service lives that could hold a replica.
  public var hopeless: [RoutingGroupID]
  /// Transactions to commit in order. Each stands alone: a refused one means that its groups or a lost server changed;
  /// read afresh and plan again.
  public var updates: [FabricUpdate]

  /// Plans the recovery of every group that needs it.
  /// - Parameter only: of these groups alone; `nil` for all.
  public init(_ view: FabricView, only: Set<RoutingGroupID>? = nil) {
    groups = []
    resuming = []
    hopeless = []
    updates = []
    var load = Placement.Load(of: view)
    var changes: [(plan: GroupPlan, record: Versioned<GroupRecord>)] = []
    for group in view.groups.values.sorted(by: { $0.record.id < $1.record.id }) {
      let health = view.health(of: group.record)
      guard health == .quorumLoss || health == .down, only?.contains(group.record.id) ?? true else {
        continue
      }
      let lost = group.record.replicas.map(\.server).filter { view.live[$0] == nil }
      if lost.isEmpty && !group.record.replicas.isEmpty {
        resuming.append(group.record.id)
        continue
      }
      let record = Self.rebuilt(group.record, in: view, load: &load)
      guard !record.replicas.isEmpty else {
        hopeless.append(group.record.id)
        continue
      }
      let kept = record.replicas.map(\.server).filter { name in
        group.record.replicas.contains { $0.server == name }
      }
      let plan = GroupPlan(
        id: record.id,
        health: health,
        lost: lost.sorted(),
        kept: kept.sorted(),
        rebuiltOn: record.replicas.map(\.server).filter { !kept.contains($0) }.sorted(),
        primary: record.primary
      )
      changes.append((plan, Versioned(record, revision: group.revision)))
    }
    groups = changes.map(\.plan)
    updates = Self.chunked(changes)
  }

  /// The group's new record.
  static func rebuilt(_ group: GroupRecord, in view: FabricView, load: inout Placement.Load) -> GroupRecord {
    var record = group
    record.generation = group.generation &+ 1
    record.swap = nil
    record.replicas = group.replicas.filter { view.live[$0.server] != nil }
    let leads = record.replicas.contains { $0.server == group.primary && view.isUp($0) }
    if !(leads && view.hasLiveLeader(group)) {
      // Nobody's leadership survives unless its instance does; a survivor that is caught up takes over at once.
      let next = Placement.promotionTarget(for: record, in: view, load: load)
      record.primary = next
      record.primaryInstance = next.flatMap { view.live[$0]?.record.instance } ?? 0
      if let next { load.primaries[next, default: 0] += 1 }
    }
    while record.replicas.count < view.targetReplicas,
      let server = Placement.replacement(for: record, in: view, load: load)
    {
      record.replicas.append(ReplicaRecord(server: server))
      load.replicas[server, default: 0] += 1
    }
    if let preferred = record.preferredPrimary, !record.replicas.contains(where: { $0.server == preferred }) {
      record.preferredPrimary = nil
    }
    if record.preferredPrimary == record.primary { record.preferredPrimary = nil }
    return record
  }

  /// Groups a transaction may hold: a store takes at most 64 comparisons and 64 operations, and one key once.
  private static func chunked(_ changes: [(plan: GroupPlan, record: Versioned<GroupRecord>)])
    -> [FabricUpdate]
  {
    var updates: [FabricUpdate] = []
    var lost: Set<ServerName> = []
    var groups: [Versioned<GroupRecord>] = []
    func flush() {
      guard !groups.isEmpty else { return }
      updates.append(
        FabricUpdate(
          when: lost.sorted().map { .notLive($0) }
            + groups.map { .groupIs($0.record.id, revision: $0.revision) },
          write: groups.map { .group($0.record, fencing: true) } + [.epoch]
        )
      )
      lost = []
      groups = []
    }
    for change in changes {
      let together = lost.union(change.plan.lost)
      if groups.count >= 28 || together.count + groups.count >= 60 { flush() }
      lost.formUnion(change.plan.lost)
      groups.append(change.record)
    }
    flush()
    return updates
  }
}
