import PatchRun
import PoolModel

/// A fabric state as text: servers, groups, counts, and what to do.
enum FabricStateText {
  /// Renders what `filter` leaves.
  static func render(_ state: FabricState, _ filter: FabricStateFilter = FabricStateFilter()) -> String {
    var lines = ["Pool \(state.pool), \(state.takenAt.text), revision \(state.revision)", ""]
    let servers = filter.servers(of: state)
    if !servers.isEmpty { lines += serverLines(servers, at: state.takenAt) + [""] }
    let groups = filter.groups(of: state)
    if !groups.isEmpty { lines += groupLines(groups) + [""] }
    lines += countLines(state)
    lines += adviceLines(state)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func serverLines(_ servers: [ServerState], at now: PoolTime) -> [String] {
    var table = TextTable([
      .init(heading: "SERVER"), .init(heading: "STATUS"), .init(heading: "SERVICE"),
      .init(heading: "VERSION"),
      .init(heading: "PRIMARIES", side: .right), .init(heading: "REPLICAS", side: .right),
      .init(heading: "BINDINGS", side: .right), .init(heading: "UPGRADE DOMAIN"), .init(heading: "REMARK"),
    ])
    for server in servers {
      table.add([
        server.name.rawValue, server.isUp ? "up" : "down", service(server), server.version ?? "-",
        "\(server.primaries)", "\(server.replicas)", server.bindings.map { "\($0)" } ?? "-",
        server.upgradeDomain.rawValue, remark(server, at: now),
      ])
    }
    return table.lines
  }

  private static func service(_ server: ServerState) -> String {
    switch server.service {
    case .inService: "in service"
    case .leaving: server.drained ? "leaving, drained" : "leaving"
    case .out: "out"
    }
  }

  private static func remark(_ server: ServerState, at now: PoolTime) -> String {
    var parts: [String] = []
    if let mark = server.service.mark {
      let forced = mark.forced ? ", forced" : ""
      parts.append("by \(mark.by) for \((now - mark.since).text)\(forced): \(mark.reason)")
    }
    if let offset = server.clockOffset, offset > .seconds(2) || offset < .seconds(-2) {
      let way = offset > .zero ? "ahead" : "behind"
      parts.append("clock \((offset > .zero ? offset : .zero - offset).text) \(way)")
    }
    return parts.joined(separator: "; ")
  }

  private static func groupLines(_ groups: [RoutingGroupState]) -> [String] {
    var table = TextTable([
      .init(heading: "GROUP"), .init(heading: "STATE"), .init(heading: "PRIMARY"),
      .init(heading: "SECONDARIES"),
      .init(heading: "MISSING"),
    ])
    for group in groups {
      let secondaries = group.replicas.filter { $0.status == .up && $0.server != group.primary }
      let moving = group.swappingTo.map { " -> \($0)" } ?? ""
      table.add([
        "\(group.id)", group.health.rawValue, (group.primary?.rawValue ?? "none") + moving,
        list(secondaries.map(\.server.rawValue)), list(missing(group)),
      ])
    }
    return table.lines
  }

  /// What a group lacks: replicas on servers that are gone, those being built, and those that were never placed.
  private static func missing(_ group: RoutingGroupState) -> [String] {
    var words = group.replicas.filter { $0.status != .up }.map { replica in
      replica.status == .building ? "\(replica.server) (building)" : replica.server.rawValue
    }
    let unplaced = max(0, group.target - group.replicas.count)
    if unplaced > 0 { words.append("\(unplaced) not placed") }
    return words
  }

  private static func list(_ words: [String]) -> String {
    words.isEmpty ? "-" : words.joined(separator: ", ")
  }

  private static func countLines(_ state: FabricState) -> [String] {
    let kinds: [(GroupHealth, String)] = [
      (.healthy, "healthy"), (.degraded, "degraded"), (.quorumLoss, "in quorum loss"), (.down, "down"),
    ]
    let counts = kinds.compactMap { health, word in
      let count = state.groups.count { $0.health == health }
      return count > 0 || health == .healthy ? "\(count) \(word)" : nil
    }
    return [
      "\(state.groups.count) routing groups: \(counts.joined(separator: ", "))",
      "missing replicas: \(state.missingReplicas)",
      "groups without a primary: \(state.groupsWithoutPrimary.count)",
      "groups in quorum loss: \(state.groupsInQuorumLoss.count)",
    ]
  }

  private static func adviceLines(_ state: FabricState) -> [String] {
    if state.isHealthy { return ["", "The pool is healthy."] }
    var lines = ["", "The pool is not healthy."]
    if !state.servers.contains(where: { $0.isUp }) {
      lines.append("No server is up: quorate pool start \(state.pool)")
    } else if !state.groupsInQuorumLoss.isEmpty {
      lines.append(
        "If the servers that are down do not come back: quorate reset \(state.pool) --type quorum-loss-recovery"
      )
    }
    let out = state.servers.filter { if case .out = $0.service { true } else { false } }.map(\.name.rawValue)
    for server in out { lines.append("To return \(server) to service: quorate failback \(server)") }
    return lines
  }
}
