public import PoolModel

/// Requests of synthetic users, summed up.
public struct ProbeTally: Hashable, Sendable, Codable {
  /// Requests that ended.
  public var requests: Int
  /// Of those, requests that no server answered well in time.
  public var failed: Int
  /// The longest time that a user waited.
  public var longestGap: Duration

  /// A tally; nothing by default.
  public init(requests: Int = 0, failed: Int = 0, longestGap: Duration = .zero) {
    self.requests = requests
    self.failed = failed
    self.longestGap = longestGap
  }

  func joined(_ other: ProbeTally) -> ProbeTally {
    ProbeTally(
      requests: requests + other.requests,
      failed: failed + other.failed,
      longestGap: max(longestGap, other.longestGap)
    )
  }
}

/// What users felt, as synthetic users tell it: one of each routing group, through every server in service.
public struct ProbeSummary: Hashable, Sendable, Codable {
  /// Requests that were sent to a server first.
  public struct ServerTally: Hashable, Sendable, Codable {
    /// The server.
    public var server: ServerName
    /// What became of them.
    public var tally: ProbeTally

    /// A server's tally.
    public init(server: ServerName, tally: ProbeTally) {
      self.server = server
      self.tally = tally
    }
  }

  /// Requests of the user of a group.
  public struct GroupTally: Hashable, Sendable, Codable {
    /// The group.
    public var group: RoutingGroupID
    /// What became of them.
    public var tally: ProbeTally
    /// When its longest gap ended, or how far it had come; `nil` when that was not kept.
    public var at: PoolTime?

    /// A group's tally.
    public init(group: RoutingGroupID, tally: ProbeTally, at: PoolTime? = nil) {
      self.group = group
      self.tally = tally
      self.at = at
    }
  }

  /// Requests that were sent.
  public var requests: Int
  /// Requests that no server answered well in time.
  public var failed: Int
  /// The longest time that a user waited: from the first try after its last good answer to the next good answer. The pause
  /// between two requests is not part of it, and turning to another server is.
  public var longestGap: Duration
  /// The group of the user that had it; `nil` when nobody had one.
  public var group: RoutingGroupID?
  /// The server that this user had turned to first.
  public var server: ServerName?
  /// How many users there were.
  public var users: Int?
  /// By server.
  public var servers: [ServerTally]?
  /// The groups that waited longest or had failures, the worst first.
  public var groups: [GroupTally]?

  /// How many groups are listed at most.
  public static let groupsListed = 16

  /// A summary.
  public init(requests: Int, failed: Int, longestGap: Duration, group: RoutingGroupID? = nil) {
    self.requests = requests
    self.failed = failed
    self.longestGap = longestGap
    self.group = group
  }

  /// The order of `groups`.
  public static func isWorse(_ left: GroupTally, _ right: GroupTally) -> Bool {
    let (one, two) = (left.tally, right.tally)
    if one.longestGap != two.longestGap { return one.longestGap > two.longestGap }
    if one.failed != two.failed { return one.failed > two.failed }
    return left.group < right.group
  }

  /// Two coordinators' summaries as one.
  func joined(_ other: ProbeSummary) -> ProbeSummary {
    var sum = other.longestGap > longestGap ? other : self
    sum.requests = requests + other.requests
    sum.failed = failed + other.failed
    sum.users = users.map { max($0, other.users ?? 0) } ?? other.users
    var byServer: [ServerName: ProbeTally] = [:]
    for each in (servers ?? []) + (other.servers ?? []) {
      byServer[each.server] = byServer[each.server]?.joined(each.tally) ?? each.tally
    }
    sum.servers = byServer.map { ServerTally(server: $0, tally: $1) }.sorted { $0.server < $1.server }
    var byGroup: [RoutingGroupID: GroupTally] = [:]
    for each in (groups ?? []) + (other.groups ?? []) {
      guard let known = byGroup[each.group] else {
        byGroup[each.group] = each
        continue
      }
      let at = each.tally.longestGap > known.tally.longestGap ? each.at : known.at
      byGroup[each.group] = GroupTally(group: each.group, tally: known.tally.joined(each.tally), at: at)
    }
    let all = byGroup.values.sorted(by: Self.isWorse)
    sum.groups = Array(all.prefix(Self.groupsListed))
    return sum
  }

  /// `312 requests of 24 users, 0 failed, longest gap 45 ms (rg-3 at fe1)`.
  public var text: String {
    var text = "\(requests) requests"
    if let users { text += " of \(users) synthetic users" }
    text += ", \(failed) failed, longest gap \(longestGap.text)"
    let place = [group?.description, server.map { "at \($0)" }].compactMap { $0 }.joined(separator: " ")
    return place.isEmpty ? text : text + " (\(place))"
  }
}
