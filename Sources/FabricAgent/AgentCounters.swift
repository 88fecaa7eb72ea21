/// What an agent counts, for metrics. All but the gauges only grow.
public struct AgentCounters: Hashable, Sendable {
  /// Writes that were applied.
  public var writesApplied: UInt64 = 0
  /// Writes refused because the record had changed.
  public var writesConflicted: UInt64 = 0
  /// Writes refused because this server did not lead.
  public var writesNotPrimary: UInt64 = 0
  /// Writes that failed in the store.
  public var writesFailed: UInt64 = 0
  /// Writes whose outcome was unknown and was read back.
  public var writesReadBack: UInt64 = 0
  /// Commit calls made for writes; `writesApplied / batches` is the size of the groups.
  public var batches: UInt64 = 0
  /// Time spent in those calls, nanoseconds.
  public var batchNanoseconds: UInt64 = 0
  /// Records purged because every binding of them was expired.
  public var purged: UInt64 = 0
  /// Leases lost.
  public var leasesLost: UInt64 = 0
  /// Times the watch had to start afresh.
  public var rereads: UInt64 = 0
  /// Times this server became primary of a group.
  public var groupsGained: UInt64 = 0
  /// Gauge: groups it leads.
  public var leading = 0
  /// Gauge: replicas it holds, loaded.
  public var replicas = 0
  /// Gauge: records in its replicas.
  public var records = 0
  /// Gauge: records in the groups it leads.
  public var recordsLed = 0
  /// Gauge: how long the newest lease renewal took, nanoseconds.
  public var renewalNanoseconds: UInt64 = 0
  /// Gauge: everything up to this revision has been seen.
  public var watchRevision: UInt64 = 0

  /// All zero.
  public init() {}
}
