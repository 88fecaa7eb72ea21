import PoolModel

extension Objection.Reason {
  /// The plain sentence for people: what, and what it is due to.
  public var sentence: String {
    switch self {
    case .quorumWouldBeLost(let group, let keeps, let target, let needed, let absent):
      let head = "\(group) would keep \(keeps) of \(target) replicas; \(Self.areNeeded(needed))"
      return absent.isEmpty ? head : head + ": " + absent.map(\.sentence).joined(separator: ", ")
    case .quorumLoss(let groups, let recovery):
      return "\(Self.list(groups.map(\.description))) lost quorum; recover first: \(recovery)"
    case .andMore(let count): return "and \(count) groups more"
    case .seedsWouldBeLost(let healthy, let needed, let absent):
      let head = "the store would keep \(healthy) healthy members; \(Self.areNeeded(needed))"
      return absent.isEmpty ? head : head + " (not healthy: \(Self.list(absent)))"
    case .tooFewServers(let keeps, let needed, let down):
      let head =
        "the pool would keep \(keeps) \(keeps == 1 ? "server" : "servers") in service; \(Self.areNeeded(needed))"
      return down.isEmpty ? head : head + ": \(Self.list(down.map(\.rawValue))) is not in service"
    case .poolTooSmall(let servers, let floor):
      return "a pool of \(servers) servers can never keep the floor \(floor.rawValue) with one of them out; "
        + "use --floor quorate or add a server"
    case .lastServer(let server):
      return "\(server) is the only server of the pool: to stop it is an outage"
    case .oneServerLeft(let server):
      return "the pool has two servers: \(server) serves alone meanwhile"
    case .swapRuns(let group, let target): return "the primary of \(group) is moving to \(target)"
    case .noPrimary(let group): return "\(group) has no primary at this moment"
    case .replicasMissing(let server, let count, let building, let isUp):
      if isUp { return "\(Self.replicas(building)) on \(server) \(building == 1 ? "is" : "are") being built" }
      if count == 0 { return "\(server) is down" }
      return "\(server) is down: \(Self.replicas(count)) on it \(count == 1 ? "is" : "are") missing"
    case .replicasUnplaced(let count):
      return "\(Self.replicas(count)) \(count == 1 ? "has" : "have") no server yet"
    case .notBack(let server, let what): return "\(server) is not back: \(what)"
    case .overCapacity(let bindings, let capacity, let servers):
      return "\(bindings) bindings on \(servers) servers would be more than \(capacity) on each"
    case .otherMaintenance(let server, let mark):
      return "\(server) is out since \(mark.since.text), by \(mark.by) (\(mark.reason)); "
        + "bring it back first: quorate failback \(server)"
    case .unknownServer(let server): return "the pool has no server \(server)"
    case .stale(let age, let limit):
      return "what was read of the pool is \(age.text) old; \(limit.text) is the limit"
    case .unreadable(let why): return "the pool cannot be read: \(why)"
    case .outsideWindow(let left, let need):
      if left <= .zero { return "no maintenance window is open" }
      return "the maintenance window is open for \(left.text); a server may be out for \(need.text)"
    case .windowsTooShort(let longest, let need):
      return Self.noWindowFor(need, longest: longest)
    case .gapTooLong(let gap, let limit):
      return "a user was cut off for \(gap.text); \(limit.text) is the limit"
    }
  }

  /// `no window is long enough: …`; said when a run is planned as well.
  public static func noWindowFor(_ need: Duration, longest: Duration) -> String {
    "no maintenance window is long enough: a server may be out for \(need.text), the longest window is \(longest.text)"
  }

  /// What the objection is about: the group or server, without changing details.
  var subject: String {
    switch self {
    case .quorumWouldBeLost(let group, _, _, _, _), .swapRuns(let group, _), .noPrimary(let group):
      group.description
    case .replicasMissing(let server, _, _, _), .notBack(let server, _), .otherMaintenance(let server, _),
      .unknownServer(let server), .lastServer(let server), .oneServerLeft(let server):
      server.rawValue
    case .quorumLoss: "quorum-loss"
    case .andMore: "more"
    case .seedsWouldBeLost: "seeds"
    case .tooFewServers, .poolTooSmall: "servers"
    case .replicasUnplaced: "unplaced"
    case .overCapacity: "capacity"
    case .stale, .unreadable: "reading"
    case .outsideWindow: "window"
    case .windowsTooShort: "windows"
    case .gapTooLong: "gap"
    }
  }

  /// `a, b, c and 4 more`: a list that stays readable.
  static func list(_ items: [String], most: Int = 8) -> String {
    let shown = items.prefix(most).joined(separator: ", ")
    return items.count > most ? "\(shown) and \(items.count - most) more" : shown
  }

  private static func areNeeded(_ count: Int) -> String { "\(count) \(count == 1 ? "is" : "are") needed" }

  private static func replicas(_ count: Int) -> String { count == 1 ? "1 replica" : "\(count) replicas" }
}

extension Objection.Absence {
  /// `fe2's replica is missing`.
  var sentence: String {
    switch status {
    case .missing: "\(server)'s replica is missing"
    case .building: "\(server)'s replica is being built"
    case .up: out ? "\(server) is out" : "\(server)'s replica does not count"
    }
  }
}
