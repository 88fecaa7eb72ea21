import PatchRun
import PoolModel
import Registrar
import Replication

/// One revision that watches tell.
struct StoreRevision {
  var revision: UInt64
  var changes: [FabricChange]
  var binding: (group: Int, user: Int, binding: StoredBinding)?
}

/// One user's record.
struct StoredBinding: Equatable {
  var record: RegistrationRecord?
  var revision: UInt64
}

/// The fabric store as a value: what `FabricStore` promises, with the records of the pool, its bindings, and the claim and
/// journal of the run.
struct SimulatedStore {
  struct Lease {
    var generation: UInt64
    /// Index of a server, or `nil` for a coordinator's.
    var server: Int?
    var endsAt: Int
  }

  struct Claim {
    var revision: UInt64
    var paused: String?
  }

  var view = FabricView()
  var fences: [UInt64]
  var bindings: [[StoredBinding?]]
  var history: [StoreRevision] = []
  /// How many changes of control records there were.
  var changes = 0
  var leases: [Lease] = []
  var lastLease: UInt64 = 0

  var claim: Claim?
  /// The generation of the coordinator that holds the claim; `nil` while its lease is gone.
  var coordinator: UInt64?
  var journal: [JournalRecord] = []
  /// Who wrote each record of the journal.
  var journalists: [UInt64] = []
  /// The highest generation that acted on the pool.
  var actGeneration: UInt64 = 0

  init(groups: Int, users: Int) {
    fences = Array(repeating: 0, count: groups)
    bindings = Array(repeating: Array(repeating: nil, count: users), count: groups)
    history.reserveCapacity(256)
    journal.reserveCapacity(128)
  }

  /// Commits a change of the fabric; the revision, or `nil` when a condition does not hold.
  mutating func commit(_ update: FabricUpdate, weakness: Weakness? = nil) -> UInt64? {
    guard update.conditions.allSatisfy({ holds($0, weakness) }) else { return nil }
    view.revision += 1
    var changes: [FabricChange] = []
    changes.reserveCapacity(update.writes.count)
    for write in update.writes {
      switch write {
      case .pool(let record): changes.append(.pool(Versioned(record, revision: view.revision)))
      case .server(let record):
        changes.append(.server(record.name, Versioned(record, revision: view.revision)))
      case .removeServer(let name): changes.append(.server(name, nil))
      case .group(let record, let fencing):
        changes.append(.group(record.id, Versioned(record, revision: view.revision)))
        if fencing { fences[record.id.index] = record.generation }
      case .epoch: changes.append(.epoch(view.revision))
      }
    }
    tell(changes)
    return view.revision
  }

  private func holds(_ condition: FabricCondition, _ weakness: Weakness?) -> Bool {
    switch condition {
    case .epochIs(let revision): weakness == .epoch || view.epoch == revision
    case .serverIs(let name, let revision): (view.servers[name]?.revision ?? 0) == revision
    case .groupIs(let id, let revision):
      weakness == .groupRevision || (view.groups[id]?.revision ?? 0) == revision
    case .generationIs(let id, let generation):
      weakness == .groupRevision || fences[id.index] == generation
    case .notLive(let name): view.live[name] == nil
    case .liveIs(let name, let revision): (view.live[name]?.revision ?? 0) == revision
    case .noPool: view.pool == nil
    }
  }

  private mutating func tell(_ changes: [FabricChange]) {
    self.changes += 1
    for change in changes { view.apply(change) }
    history.append(StoreRevision(revision: view.revision, changes: changes, binding: nil))
  }

  /// Writes a binding; its revision, or `nil` when it is refused.
  mutating func write(_ write: BindingWrite, _ group: Int, _ user: Int, weakness: Weakness?) -> UInt64? {
    guard weakness == .bindingGeneration || fences[group] == write.generation else { return nil }
    let found = bindings[group][user]?.revision ?? 0
    guard weakness == .bindingRevision || found == write.expecting else { return nil }
    view.revision += 1
    let binding = StoredBinding(record: write.record, revision: view.revision)
    bindings[group][user] = binding
    history.append(
      StoreRevision(revision: view.revision, changes: [], binding: (group, user, binding))
    )
    return view.revision
  }

  mutating func grant(to server: Int?, until end: Int) -> UInt64 {
    lastLease += 1
    leases.append(Lease(generation: lastLease, server: server, endsAt: end))
    return lastLease
  }

  func isLive(_ lease: UInt64) -> Bool { leases.contains { $0.generation == lease } }

  /// Renews a lease; `false` when it is gone.
  mutating func renew(_ lease: UInt64, until end: Int) -> Bool {
    guard let index = leases.firstIndex(where: { $0.generation == lease }) else { return false }
    leases[index].endsAt = end
    return true
  }

  mutating func announce(_ live: LiveRecord) {
    guard isLive(live.instance) else { return }
    view.revision += 1
    tell([.live(live.name, Versioned(live, revision: view.revision))])
  }

  /// Ends a lease and what is attached to it.
  mutating func end(_ generation: UInt64) {
    guard let index = leases.firstIndex(where: { $0.generation == generation }) else { return }
    leases.remove(at: index)
    if coordinator == generation { coordinator = nil }
    for (name, live) in view.live where live.record.instance == generation {
      view.revision += 1
      tell([.live(name, nil)])
      return
    }
  }
}
