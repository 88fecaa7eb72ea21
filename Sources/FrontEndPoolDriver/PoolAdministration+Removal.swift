import FabricRecords
public import PoolDriving
public import PoolModel
import PoolProcedures
import Replication

/// What a removal did.
public struct RemovalReport: Hashable, Sendable, Codable {
  /// Groups that had a replica on the server and were placed anew.
  public var groups: [RoutingGroupID]
  /// Groups that it led, or was recorded to lead.
  public var led: [RoutingGroupID]

  /// A report.
  public init(groups: [RoutingGroupID], led: [RoutingGroupID]) {
    self.groups = groups
    self.led = led
  }
}

extension PoolAdministration {
  /// Removes a server from the pool for good and places its replicas elsewhere; returns when they are built. This is
  /// also the reset `machine-state-removed`, for a machine that is gone. The server must not run: one that runs is failed
  /// over and stopped first. On time-out after the removal the replicas go on building by themselves.
  public func removeServer(
    _ server: ServerName,
    act: Act,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) -> RemovalReport {
    let fence = try await driver.admit(act)
    guard try await driver.image().view.servers[server] != nil else {
      throw PoolDriverError.unknown(server, in: driver.pool)
    }
    var groups: Set<RoutingGroupID> = []
    var led: Set<RoutingGroupID> = []
    try await driver.follow(until: deadline) { image async throws(PoolDriverError) -> Void? in
      guard let record = image.view.servers[server]?.record else { return () }
      guard image.view.live[server] == nil else {
        throw PoolDriverError(
          .refused,
          "\(server) runs and is \(record.service.sentence): fail it over and stop it before it is removed"
        )
      }
      let removal = MachineRemoval(of: server, from: image.view)
      guard removal.stranded.isEmpty else {
        throw PoolDriverError(
          .refused,
          "\(removal.stranded.count) groups would have no replica left: \(server) is the last that holds them"
        )
      }
      groups.formUnion(removal.groups)
      led.formUnion(removal.led)
      // The server's own record goes last, and only once no group lists it any more.
      let updates = removal.groups.isEmpty ? removal.updates : Array(removal.updates.dropLast())
      _ = try await driver.commit(updates, over: image, under: fence, until: deadline)
      return nil
    }
    try await built(groups, progress: progress, until: deadline)
    return RemovalReport(groups: groups.sorted(), led: led.sorted())
  }

  /// Waits until every replica of these groups is up and each has a leader.
  func built(
    _ groups: Set<RoutingGroupID>,
    progress: (DriverProgress) -> Void,
    until deadline: ContinuousClock.Instant
  ) async throws(PoolDriverError) {
    var report = ProgressReport()
    do throws(PoolDriverError) {
      try await driver.follow(until: deadline) { image in
        let done = groups.count { id in
          guard let record = image.view.groups[id]?.record else { return true }
          return image.view.hasLiveLeader(record) && record.replicas.allSatisfy { image.view.isUp($0) }
        }
        guard done < groups.count else { return () }
        report.say(
          DriverProgress("\(done) of \(groups.count) groups built", done: done, of: groups.count),
          to: progress
        )
        return nil
      }
    } catch {
      guard error.code == .timedOut else { throw error }
      throw PoolDriverError(
        .timedOut,
        "it was done, but not every replica was built in time (\(report.lastMessage)); they go on building"
      )
    }
  }
}
