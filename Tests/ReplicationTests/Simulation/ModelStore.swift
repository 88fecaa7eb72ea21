import PoolModel

@testable import Replication

/// What the simulation may break on purpose, to show that it would notice.
enum Breakage: String, CaseIterable {
  /// The store accepts writes of any generation.
  case fenceIgnored
  /// The store accepts changes of a group whose record has changed.
  case groupConditionIgnored
  /// A server leads a group as soon as its commit is answered, before its watch says so, and the one before it does not
  /// wait for its writes in flight. (Each of the two alone is safe, because of the other.)
  case neitherHoldNorWatch
  /// A server goes on acting after its own deadline.
  case deadlineIgnored
  /// Replicas are said to be loaded before they are.
  case loadsNothing
  /// A promotion does not raise the generation.
  case generationStays
  /// A hold ends although an offer may still land.
  case offerForgotten
}

/// One binding as the model keeps it.
struct ModelBinding: Hashable {
  var value: Int
  var revision: UInt64
}

/// A revision of the model store.
struct ModelRevision {
  var revision: UInt64
  var changes: [FabricChange]
  var binding: (group: RoutingGroupID, user: Int, binding: ModelBinding)?
}

/// A store of records and bindings, with conditions, leases and history; what `FabricStore` promises, in a value.
struct ModelStore {
  var view = FabricView()
  var fences: [RoutingGroupID: UInt64] = [:]
  var bindings: [RoutingGroupID: [Int: ModelBinding]] = [:]
  var history: [ModelRevision] = []
  var leases: [UInt64: (server: ServerName, endsAt: Instant)] = [:]
  var lastInstance: UInt64 = 0
  var broken: Breakage?

  mutating func record(_ changes: [FabricChange]) {
    for change in changes { view.apply(change) }
    history.append(ModelRevision(revision: view.revision, changes: changes, binding: nil))
  }

  mutating func commit(_ update: FabricUpdate) -> ReplicationMachine.UpdateOutcome {
    guard update.conditions.allSatisfy({ holds($0) }) else { return .refused(revision: view.revision) }
    view.revision += 1
    var changes: [FabricChange] = []
    for write in update.writes {
      switch write {
      case .pool(let record): changes.append(.pool(Versioned(record, revision: view.revision)))
      case .server(let record):
        changes.append(.server(record.name, Versioned(record, revision: view.revision)))
      case .removeServer(let name): changes.append(.server(name, nil))
      case .group(let record, let fencing):
        changes.append(.group(record.id, Versioned(record, revision: view.revision)))
        if fencing { fences[record.id] = record.generation }
      case .epoch: changes.append(.epoch(view.revision))
      }
    }
    record(changes)
    return .applied(revision: view.revision)
  }

  private func holds(_ condition: FabricCondition) -> Bool {
    switch condition {
    case .epochIs(let revision): view.epoch == revision
    case .serverIs(let name, let revision): (view.servers[name]?.revision ?? 0) == revision
    case .groupIs(let id, let revision):
      broken == .groupConditionIgnored || (view.groups[id]?.revision ?? 0) == revision
    case .generationIs(let id, let generation):
      broken == .groupConditionIgnored || (fences[id] ?? 0) == generation
    case .notLive(let name): view.live[name] == nil
    case .liveIs(let name, let revision): (view.live[name]?.revision ?? 0) == revision
    case .noPool: view.pool == nil
    }
  }

  /// A write of a binding; the new revision, or `nil` when it is refused.
  mutating func write(
    _ value: Int,
    user: Int,
    group: RoutingGroupID,
    generation: UInt64,
    expecting: UInt64
  ) -> UInt64? {
    guard broken == .fenceIgnored || fences[group] == generation else { return nil }
    // Without the fence a late writer would also come by old knowledge of the binding.
    guard broken == .fenceIgnored || (bindings[group]?[user]?.revision ?? 0) == expecting else { return nil }
    view.revision += 1
    let binding = ModelBinding(value: value, revision: view.revision)
    bindings[group, default: [:]][user] = binding
    history.append(ModelRevision(revision: view.revision, changes: [], binding: (group, user, binding)))
    return view.revision
  }

  mutating func grant(to server: ServerName, until: Instant) -> UInt64 {
    lastInstance += 1
    leases[lastInstance] = (server, until)
    return lastInstance
  }

  mutating func announce(_ live: LiveRecord) {
    guard leases[live.instance] != nil else { return }
    view.revision += 1
    record([.live(live.name, Versioned(live, revision: view.revision))])
  }

  mutating func end(_ instance: UInt64) {
    guard let lease = leases.removeValue(forKey: instance) else { return }
    guard view.live[lease.server]?.record.instance == instance else { return }
    view.revision += 1
    record([.live(lease.server, nil)])
  }

  mutating func expire(at now: Instant) {
    for (instance, lease) in leases.sorted(by: { $0.key < $1.key }) where lease.endsAt <= now {
      end(instance)
    }
  }
}
