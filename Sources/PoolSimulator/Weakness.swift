/// A gate or a fence that the simulator switches off, to show that it would notice. It works on what passes through the
/// simulator (readings, comparisons, leases); the product has no such switch.
public enum Weakness: String, CaseIterable, Sendable {
  /// Every replica is read as caught up and in service, and no group as in quorum loss.
  case partitionQuorum = "ensure-partition-quorum"
  /// The store's members are not told.
  case seedQuorum = "ensure-seed-quorum"
  /// The pool is read as needing no server.
  case availability = "ensure-availability"
  /// Swaps are not told.
  case primarySwap = "wait-for-primary-swap"
  /// A group without a primary is read as having one.
  case reconfiguration = "wait-for-reconfiguration"
  /// Missing replicas are read as up.
  case inbuildReplica = "wait-for-inbuild-replica"
  /// A server that came back is read as whole.
  case primaryPlacement = "wait-for-primary-placement"
  /// Servers are read as holding no bindings.
  case capacity
  /// Other people's marks are read as the run's own.
  case otherMaintenance = "no-other-maintenance"
  /// Every reading is said to be fresh.
  case snapshotFresh = "snapshot-fresh"
  /// The window is said to be open.
  case window = "maintenance-window"
  /// What users felt is not told.
  case userGap = "max-gap"
  /// The journal takes records from anybody.
  case journalClaim = "journal-claim"
  /// Directives are performed before their records are durable.
  case journalFirst = "journal-first"
  /// The pool takes acts of any generation.
  case actGeneration = "act-generation"
  /// A target takes commands of any generation, and several at once.
  case commandLock = "command-lock"
  /// A target's process is stopped and started by any generation.
  case processFence = "process-fence"
  /// A coordinator acts on although its lease may have run out.
  case coordinatorDeadline = "coordinator-deadline"
  /// The gate's yes is committed without a compare of the fabric epoch.
  case epoch
  /// Bindings are written without a compare of the group's generation.
  case bindingGeneration = "binding-generation"
  /// Bindings are written without a compare of their revision.
  case bindingRevision = "binding-revision"
  /// Groups are written without a compare of their revision and generation.
  case groupRevision = "group-revision"
  /// A server leads on although its lease may have run out.
  case serverDeadline = "server-deadline"
}
