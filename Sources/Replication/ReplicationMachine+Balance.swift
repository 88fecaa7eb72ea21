import PoolModel

/// Evening out, by the controller, when the pool has been whole and quiet for a while.
extension ReplicationMachine {
  mutating func balanceIfQuiet() {
    guard let wait = timing.balanceWait, !balanced, unrestAt + wait <= now else { return }
    guard pending.isEmpty else {
      unrestAt = now
      return
    }
    balanced = true
    guard isWhole else { return }
    let moves = Placement.evenReplicas(view)
    guard moves.isEmpty else {
      for move in moves { moveReplica(move) }
      return
    }
    let room = timing.updatesAtOnce - updateGroups.count
    let preferences = Placement.evenPrimaries(view).sorted { $0.key < $1.key }
    for (id, server) in preferences.prefix(max(0, room)) { prefer(server, for: id) }
  }

  /// Every server lives, serves, and may lead; every replica of every group is up; nothing is on its way.
  private var isWhole: Bool {
    guard view.servers.keys.allSatisfy({ view.takesPrimaries($0) }) else { return false }
    return view.groups.values.allSatisfy { group in
      let record = group.record
      return record.swap == nil && !isMoving(record) && view.hasLiveLeader(record)
        && record.replicas.count == view.targetReplicas && record.replicas.allSatisfy { view.isUp($0) }
    }
  }

  /// Whether the primary is still on its way to where it is preferred.
  private func isMoving(_ record: GroupRecord) -> Bool {
    guard let preferred = record.preferredPrimary, preferred != record.primary else { return false }
    return record.replicas.contains { $0.server == preferred }
  }

  /// The first half of a move; when the new replica is up the group has one too many, and `trim` does the other half.
  private mutating func moveReplica(_ move: Placement.ReplicaMove) {
    guard let group = view.groups[move.group], let target = view.servers[move.to] else { return }
    var record = group.record
    record.replicas.append(ReplicaRecord(server: move.to))
    if record.primary == move.from {
      record.preferredPrimary = record.replicas.map(\.server).filter { $0 != move.from && $0 != move.to }
        .min()
    }
    commit(
      FabricUpdate(
        when: [
          .groupIs(record.id, revision: group.revision), .serverIs(move.to, revision: target.revision),
        ],
        write: [.group(record, fencing: false), .epoch]
      ),
      of: record.id,
      for: .moveReplica,
      replicasAt: [move.to]
    )
  }

  private mutating func prefer(_ server: ServerName, for id: RoutingGroupID) {
    guard let group = view.groups[id], pending[id] == nil else { return }
    var record = group.record
    record.preferredPrimary = server
    commit(
      FabricUpdate(
        when: [
          .groupIs(id, revision: group.revision), .generationIs(id, record.generation),
        ],
        write: [.group(record, fencing: false)]
      ),
      of: id,
      for: .prefer
    )
  }
}
