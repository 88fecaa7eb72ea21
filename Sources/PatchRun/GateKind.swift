/// What a gate looks at before a server may be stopped (DESIGN.md section 5), in Service Fabric's words where it has
/// one.
public enum GateKind: String, Hashable, Sendable, Codable, CaseIterable {
  /// Every routing group keeps its floor of caught-up replicas.
  case ensurePartitionQuorum = "ensure-partition-quorum"
  /// The store's own members keep their majority.
  case ensureSeedQuorum = "ensure-seed-quorum"
  /// Enough servers stay in service.
  case ensureAvailability = "ensure-availability"
  /// A primary is on its way from or to the server.
  case waitForPrimarySwap = "wait-for-primary-swap"
  /// A group is between two primaries.
  case waitForReconfiguration = "wait-for-reconfiguration"
  /// A replica is missing or being built.
  case waitForInbuildReplica = "wait-for-inbuild-replica"
  /// A server that came back is not yet whole.
  case waitForPrimaryPlacement = "wait-for-primary-placement"
  /// The others can carry the load.
  case capacity
  /// Nobody else has a server of this pool out.
  case noOtherMaintenance = "no-other-maintenance"
  /// What the gate reads is young enough.
  case snapshotFresh = "snapshot-fresh"
}

/// How much must remain when a server is stopped.
public enum Floor: String, Hashable, Sendable, Codable, CaseIterable {
  /// A majority of each group's replicas and of the pool's servers.
  case quorate
  /// One unplanned loss more is survivable: each group still has two replicas, so that one more loss leaves it served,
  /// and one server more than the pool needs is in service.
  case quoratePlusOne = "quorate-plus-one"
}
