public import PoolModel

/// The arithmetic of "may this server be stopped now?". Pure: it reads a fabric state and answers with typed
/// objections, never with a Bool. Every path that stops a server asks it, right before the stop.
public enum PatchSafety {
  /// How many objections of one kind about groups are listed one by one.
  static let listed = 16

  /// Everything that stands against stopping `server`.
  /// - Parameters:
  ///   - server: the server; when it is out already by the run that asks, what remains is judged without it.
  ///   - state: the pool as read.
  ///   - now: pool time.
  ///   - settings: floor, freshness, capacity and which run asks.
  ///   - seeds: the store's members; `nil` when the store has no say (then that gate passes).
  public static func objections(
    toStopping server: ServerName,
    in state: FabricState,
    at now: PoolTime,
    settings: GateSettings = GateSettings(),
    seeds: [SeedMember]? = nil
  ) -> [Objection] {
    guard state.server(server) != nil else {
      return [Objection(.ensureAvailability, .fail, .unknownServer(server))]
    }
    var found = freshness(state, now, settings)
    found += quorumLoss(state, settings)
    found += maintenance(server, state, settings)
    found += availability(server, state, settings)
    found += partitions(server, state, settings)
    found += movements(server, state)
    found += missing(server, state, settings)
    found += seedQuorum(server, seeds)
    found += capacity(server, state, settings)
    return found
  }

  private static func freshness(_ state: FabricState, _ now: PoolTime, _ settings: GateSettings)
    -> [Objection]
  {
    let age = now - state.takenAt
    // A reading from the future is as doubtful as an old one.
    let distance = age < .zero ? .zero - age : age
    guard distance > settings.freshness else { return [] }
    return [Objection(.snapshotFresh, .wait, .stale(age: distance, limit: settings.freshness))]
  }

  private static func quorumLoss(_ state: FabricState, _ settings: GateSettings) -> [Objection] {
    let lost = state.groupsInQuorumLoss
    guard !lost.isEmpty else { return [] }
    return [Objection(.ensurePartitionQuorum, .fail, .quorumLoss(lost, recovery: settings.recoveryCommand))]
  }

  private static func maintenance(
    _ server: ServerName,
    _ state: FabricState,
    _ settings: GateSettings
  ) -> [Objection] {
    state.servers.compactMap { other in
      guard let mark = other.service.mark, !isOurs(mark, settings) else { return nil }
      // The server itself out by somebody else is somebody else's as well: it is not ours to stop.
      return Objection(.noOtherMaintenance, .fail, .otherMaintenance(other.name, mark))
    }
  }

  private static func availability(
    _ server: ServerName,
    _ state: FabricState,
    _ settings: GateSettings
  ) -> [Objection] {
    let all = state.servers.count
    if all <= 1 { return [Objection(.ensureAvailability, .fail, .lastServer(server))] }
    let others = state.servers.filter { $0.name != server }
    let serving = others.filter { $0.isUp && $0.service.isInService }
    let absent = others.filter { !($0.isUp && $0.service.isInService) }.map(\.name)
    // In a pool of two the store is the witness: one server is enough.
    let declared = all == 2 ? min(state.serversNeeded, 1) : state.serversNeeded
    let needed = max(1, declared) + (settings.floor == .quoratePlusOne ? 1 : 0)
    if all - 1 < needed {
      let reason: Objection.Reason =
        settings.floor == .quoratePlusOne
        ? .poolTooSmall(servers: all, floor: settings.floor)
        : .tooFewServers(keeps: serving.count, needed: needed, down: absent)
      return [Objection(.ensureAvailability, .fail, reason)]
    }
    if serving.count < needed {
      return [
        Objection(
          .ensureAvailability,
          .wait,
          .tooFewServers(keeps: serving.count, needed: needed, down: absent)
        )
      ]
    }
    guard all == 2, let left = serving.first else { return [] }
    return [Objection(.ensureAvailability, .warning, .oneServerLeft(left.name))]
  }

  static func isOurs(_ mark: OutMark, _ settings: GateSettings) -> Bool {
    guard let run = settings.run, let act = mark.act else { return false }
    return act.run == run
  }
}
