import FabricRecords
import FabricStore
import PoolModel
import Replication

/// A server that behaves in the fabric as the protocol says, and does nothing else: for tests of the driver, quick and
/// open to being told to misbehave.
struct StandInServer {
  /// What it does of its own accord.
  struct Behaviour: Sendable {
    var builds = true
    var handsOver = true
    var drains = true
  }

  let name: ServerName
  let store: any FabricStore
  let version: String
  let behaviour: @Sendable () async -> Behaviour

  /// Runs until its task is cancelled. Then its lease ends by itself, unless it is revoked.
  func run(started: (LeaseID) async -> Void) async {
    guard let lease = try? await store.grantLease(ttl: .seconds(1)) else { return }
    await started(lease.id)
    await withTaskGroup { group in
      group.addTask {
        while (try? await Task.sleep(for: .milliseconds(200))) != nil { try? await store.keepAlive(lease.id) }
      }
      group.addTask {
        do {
          for try await image in FabricFollower(store: store, retryAfter: .milliseconds(10)).images() {
            await act(image, lease)
          }
        } catch {}
      }
      await group.waitForAll()
    }
  }

  private func act(_ image: FabricImage, _ lease: LeaseGrant) async {
    let view = image.view
    let behaviour = await behaviour()
    guard !Task.isCancelled, let service = view.servers[name]?.record.service else { return }
    let leads = view.groups.values.contains { $0.record.primary == name && view.hasLiveLeader($0.record) }
    let wantsDrained = !service.isInService && !leads && behaviour.drains
    if view.live[name]?.record.drained != wantsDrained {
      let record = LiveRecord(
        name: name,
        instance: lease.generation,
        version: version,
        peerAddress: "127.0.0.1:1",
        sipAddress: "sip-of-\(name)",
        processID: 1,
        drained: wantsDrained
      )
      let put = FabricOperation.put(FabricKey.live(name).text, FabricCodec.encode(record), lease: lease.id)
      _ = try? await store.commit(FabricTransaction(then: [put]))
      return
    }
    var load = Placement.Load(of: view)
    var updates: [FabricUpdate] = []
    for group in view.groups.values.sorted(by: { $0.record.id < $1.record.id }) {
      guard let record = next(group.record, view, lease.generation, service, behaviour, &load) else {
        continue
      }
      let isRoleChange = record.generation != group.record.generation
      updates.append(
        FabricUpdate(
          when: [.groupIs(record.id, revision: group.revision)],
          write: [.group(record, fencing: isRoleChange)] + (isRoleChange ? [.epoch] : [])
        )
      )
    }
    guard !updates.isEmpty else { return }
    _ = try? await store.commit(updates.map { $0.transaction(previous: image.values) }, urgent: false)
  }

  /// How the server would change a group's record; `nil` for not at all.
  private func next(
    _ group: GroupRecord,
    _ view: FabricView,
    _ instance: UInt64,
    _ service: ServiceState,
    _ behaviour: Behaviour,
    _ load: inout Placement.Load
  ) -> GroupRecord? {
    var group = group
    if let own = group.replicas.firstIndex(where: { $0.server == name }),
      group.replicas[own].builtBy != instance
    {
      guard behaviour.builds else { return nil }
      group.replicas[own].builtBy = instance
      return group
    }
    let isLeader = group.primary == name && group.primaryInstance == instance
    let mustLeave = isLeader && !service.isInService
    let isAsked = isLeader && group.preferredPrimary.map { $0 != name } == true
    let isOrphan = !view.hasLiveLeader(group) && view.controller == name
    guard isOrphan || ((mustLeave || isAsked) && behaviour.handsOver) else { return nil }
    guard
      let target = Placement.promotionTarget(for: group, in: view, load: load, except: isOrphan ? nil : name)
    else { return nil }
    if !isOrphan, !mustLeave, target != group.preferredPrimary { return nil }
    load.primaries[target, default: 0] += 1
    group.generation += 1
    group.primary = target
    group.primaryInstance = view.live[target]?.record.instance ?? 0
    if group.preferredPrimary == target { group.preferredPrimary = nil }
    return group
  }
}
