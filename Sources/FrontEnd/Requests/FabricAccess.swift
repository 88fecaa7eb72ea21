import FabricAgent
import PoolModel

/// What the SIP side uses of the fabric's agent: where a group's writes go, its records, and writing them. On the event
/// loop only. `FabricAgent` says what each does.
protocol FabricAccess: AnyObject {
  /// How many groups the pool has; `nil` before that is known.
  var groupCount: Int? { get }
  /// Pool time now.
  var poolTime: PoolTime { get }
  /// Where the writes of a group go now.
  func route(_ group: RoutingGroupID) -> GroupRoute
  /// Whether a loaded replica of the group is here.
  func holdsReplica(_ group: RoutingGroupID) -> Bool
  /// A record out of a replica here.
  func record(of addressOfRecord: String, in group: RoutingGroupID) -> StoredRecord?
  /// Writes a record if it is still at the revision expected.
  func write(
    _ bytes: [UInt8]?,
    for addressOfRecord: String,
    in group: RoutingGroupID,
    expecting revision: UInt64,
    completion: @escaping (WriteOutcome) -> Void
  )
}

extension FabricAgent: FabricAccess {}
