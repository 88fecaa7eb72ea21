import FabricRecords
public import PoolDriving
public import PoolModel
import PoolProcedures
import Replication

extension PoolAdministration {
  /// Rebuilds every replica of the pool from the store, one server at a time and without a break in service: groups that
  /// a server leads are handed over first. Afterwards primaries are even. Returns how many replicas were rebuilt.
  ///
  /// The pool must be whole when it begins: a replica is only dropped while all others of its group are up. A reset that
  /// ran out of time leaves the pool as healthy as it was; repeated, it begins anew.
  public func fullReset(
    act: Act,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) -> Int {
    let fence = try await driver.admit(act)
    let state = try await driver.fabricState()
    guard state.servers.count > 1 else {
      throw PoolDriverError(.unsupported, "the pool has one server: restart it to rebuild its replicas")
    }
    let unwell = state.groups.filter { $0.health != .healthy }
    guard unwell.isEmpty else {
      throw PoolDriverError(
        .refused,
        "\(unwell.count) groups are not healthy: replicas are rebuilt only while all others are up"
      )
    }
    let total = state.groups.reduce(0) { $0 + $1.replicas.count }
    var rebuilt = 0
    for server in state.servers.map(\.name) {
      let before = rebuilt
      rebuilt += try await reset(server, under: fence, until: deadline) { done in
        progress(
          DriverProgress("\(before + done) of \(total) replicas rebuilt", done: before + done, of: total)
        )
      }
    }
    _ = try await driver.spread(under: fence, deadline: deadline, progress: progress)
    return rebuilt
  }

  /// Rebuilds the replicas of one server; returns how many they were.
  private func reset(
    _ server: ServerName,
    under fence: ActFence,
    until deadline: ContinuousClock.Instant,
    _ progress: (Int) -> Void
  ) async throws(PoolDriverError) -> Int {
    var done: Set<RoutingGroupID> = []
    var told: UInt64 = 0
    do throws(PoolDriverError) {
      return try await driver.follow(until: deadline) { image async throws(PoolDriverError) -> Int? in
        let step = FullReset.step(on: server, in: image.view, done: done)
        if !step.updates.isEmpty {
          let applied = try await driver.commit(step.updates, over: image, under: fence, until: deadline)
          for (update, applied) in zip(step.updates, applied) {
            guard let applied else { continue }
            told = max(told, applied)
            done.formUnion(Self.groupsDropped(by: update, on: server))
          }
          return nil
        }
        let (built, placed) = image.view.caughtUp(on: server)
        progress(min(built, done.count))
        // An image from before the last commit does not show yet what it dropped.
        return step.remaining.isEmpty && built == placed && image.view.revision >= told ? done.count : nil
      }
    } catch {
      guard error.code == .timedOut else { throw error }
      throw PoolDriverError(.timedOut, "the replicas of \(server) were not rebuilt in time: \(error)")
    }
  }

  /// The group whose replica on `server` an update tells to load again.
  private static func groupsDropped(by update: FabricUpdate, on server: ServerName) -> [RoutingGroupID] {
    update.writes.compactMap { write in
      guard case .group(let record, _) = write,
        record.replicas.contains(where: { $0.server == server && $0.builtBy == 0 })
      else { return nil }
      return record.id
    }
  }
}
