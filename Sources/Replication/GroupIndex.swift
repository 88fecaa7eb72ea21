import PoolModel

/// Who holds and leads what, kept beside a view so that a change of one server costs as much as that server holds.
struct GroupIndex: Hashable, Sendable {
  private(set) var members: ServerTable<GroupSet> = [:]
  private(set) var load = Placement.Load()

  init() {}

  init(_ view: FabricView) {
    for group in view.groups.values { add(group.record) }
  }

  func groups(on server: ServerName) -> GroupSet { members[server] ?? GroupSet() }

  mutating func replace(_ old: GroupRecord?, by new: GroupRecord?) {
    // Most changes leave the replicas where they are.
    guard let old, let new, old.id == new.id,
      old.replicas.elementsEqual(new.replicas, by: { $0.server == $1.server })
    else {
      if let old { remove(old) }
      if let new { add(new) }
      return
    }
    guard old.primary != new.primary else { return }
    if let primary = old.primary { load.primaries[primary, default: 0] -= 1 }
    if let primary = new.primary { load.primaries[primary, default: 0] += 1 }
  }

  private mutating func add(_ group: GroupRecord) {
    for replica in group.replicas {
      members[replica.server, default: GroupSet()].insert(group.id)
      load.replicas[replica.server, default: 0] += 1
    }
    if let primary = group.primary { load.primaries[primary, default: 0] += 1 }
  }

  private mutating func remove(_ group: GroupRecord) {
    for replica in group.replicas {
      members[replica.server, default: GroupSet()].remove(group.id)
      load.replicas[replica.server, default: 0] -= 1
    }
    if let primary = group.primary { load.primaries[primary, default: 0] -= 1 }
  }
}
