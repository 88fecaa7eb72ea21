import PoolModel

@testable import Replication

/// A server of the simulation: the machine, its tables, its view of the store.
struct SimulatedServer {
  let name: ServerName
  /// Rises with every start of the process: events of an earlier run are dropped.
  var run = 0
  var isUp = false
  var isPartitioned = false
  var machine: ReplicationMachine
  /// The next revision its watch tells.
  var cursor: UInt64 = 1
  var tables: [RoutingGroupID: [Int: ModelBinding]] = [:]
  var loadedAt: [RoutingGroupID: UInt64] = [:]
  var loads: [RoutingGroupID: Int] = [:]
  var held: Set<RoutingGroupID> = []
  var leads: [RoutingGroupID: UInt64] = [:]
  var inFlight: [RoutingGroupID: Int] = [:]
  var busyUsers: [RoutingGroupID: Set<Int>] = [:]
  var service: ServiceState = .inService
  var tickAt: Instant?
  var tickNumber = 0

  init(name: ServerName, timing: ReplicationMachine.Timing) {
    self.name = name
    machine = ReplicationMachine(server: name, timing: timing)
  }

  /// Takes one revision of the history in.
  mutating func apply(_ revision: ModelRevision) {
    guard let (group, user, binding) = revision.binding, tables[group] != nil || loads[group] != nil
    else { return }
    guard revision.revision > loadedAt[group] ?? 0 else { return }
    if tables[group]?[user]?.revision ?? 0 < binding.revision {
      tables[group, default: [:]][user] = binding
    }
  }
}
