public import PatchRun
import PoolModel

/// A report as text for a terminal or a mail.
public enum RunReportText {
  /// Renders `report`.
  public static func render(_ report: RunReport) -> String {
    var lines: [String] = []
    let what = title(report)
    lines.append("\(what): \(report.outcome.word)")
    if report.outcome == .whatIf {
      lines.append("what-if: nothing was done")
    } else {
      var times = "run \(report.run), by \(report.by), from \(report.began.text)"
      if let ended = report.ended { times += " to \(ended.text) (\((ended - report.began).text))" }
      lines.append(times)
      if report.coordinators.count > 1 {
        lines.append("coordinated \(report.coordinators.count) times: it was resumed")
      }
    }
    lines += why(report)
    if let predicted = report.plan.predicted { lines.append("predicted: \(predicted.text)") }
    lines.append("")
    lines += table(report)
    lines += moves(report)
    for act in report.forced {
      lines.append("forced: \(act.server) at \(act.at.text) by \(act.by) (\(act.reason)), over:")
      lines += act.objections.map { "  \($0)" }
    }
    lines += users(report)
    if let recovery = report.recovery { lines.append(text(recovery)) }
    lines += report.gates.map(text)
    lines += report.remarks.map { "note: \($0)" }
    if !report.next.isEmpty { lines += ["go on with:"] + report.next.map { "  \($0)" } }
    return lines.joined(separator: "\n") + "\n"
  }

  /// `patch of pool P to 1.1.0`, `failover of S in pool P`.
  static func title(_ report: RunReport) -> String {
    if report.kind == .patch, let target = report.target {
      return "patch of pool \(report.pool) to \(target)"
    }
    let isManual = report.kind == .failOver || report.kind == .failBack
    guard isManual, let server = report.servers.first?.server else {
      return "\(report.kind.rawValue) of pool \(report.pool)"
    }
    return "\(report.kind.rawValue) of \(server) in pool \(report.pool)"
  }

  private static func why(_ report: RunReport) -> [String] {
    switch report.outcome {
    case .running: ["its coordinator is gone, or at work: run the same command to go on"]
    case .paused(let why), .stopped(let why), .abandoned(let why): ["because: \(why)"]
    case .refused(let objections): ["refused because:"] + objections.map { "  \($0.sentence)" }
    case .whatIf, .finished: []
    }
  }

  private static func table(_ report: RunReport) -> [String] {
    guard !report.servers.isEmpty else { return [] }
    var rows = [["server", "before", "after", "result", "out for", "steps"]]
    for server in report.servers {
      rows.append([
        server.server.rawValue,
        server.before ?? "-",
        server.after ?? "-",
        server.outcome.word,
        server.outTime?.text ?? "-",
        steps(server),
      ])
    }
    var lines = columns(rows)
    for server in report.servers {
      if let why = server.outcome.why { lines.append("  \(server.server): \(why)") }
      if let clients = server.clients { lines.append("  \(server.server): \(clients)") }
      for step in server.steps where !step.waits.isEmpty {
        lines.append("  \(server.server) waited \(step.took?.text ?? "") (\(step.phase.words)):")
        lines += step.waits.map { "    \($0)" }
      }
    }
    return lines
  }

  private static func steps(_ server: ServerReport) -> String {
    server.steps.map { step in
      let tries = step.attempts > 1 ? " x\(step.attempts)" : ""
      return "\(step.phase.rawValue) \(step.took?.text ?? "...")\(tries)"
    }.joined(separator: ", ")
  }

  private static func moves(_ report: RunReport) -> [String] {
    guard report.kind == .patch || report.kind == .restart, !report.plan.batches.isEmpty else { return [] }
    let plan = report.plan.moves
    let planned =
      "planned \(plan.total) (\(plan.evening) to even out), floor \(plan.floor), naive \(plan.naive)"
    let why = plan.why.map { ["  the floor: \($0)"] } ?? []
    guard let actual = report.movesActual else { return ["", "primary moves: \(planned)"] + why }
    let evening = report.movesEvening ?? 0
    return ["", "primary moves: \(actual) (\(evening) to even out); \(planned)"] + why
  }

  /// What users saw.
  private static func users(_ report: RunReport) -> [String] {
    if let why = report.unwatched { return ["what users saw: nobody watched (\(why))"] }
    guard let probes = report.probes else { return [] }
    var lines = ["what users saw: \(probes.text)"]
    let rows = (probes.servers ?? []).map { server in
      [
        "  through \(server.server)", "\(server.tally.requests) requests", "\(server.tally.failed) failed",
        "longest gap \(server.tally.longestGap.text)",
      ]
    }
    lines += columns(rows)
    let groups = (probes.groups ?? []).prefix(4).map {
      "\($0.group) \($0.tally.longestGap.text)\($0.tally.failed > 0 ? ", \($0.tally.failed) failed" : "")"
    }
    if !groups.isEmpty { lines.append("  groups that waited longest: \(groups.joined(separator: "; "))") }
    return lines
  }

  private static func text(_ recovery: RecoverySummary) -> String {
    let servers = recovery.lostServers.map(\.rawValue).joined(separator: ", ")
    return "recovery approved by \(recovery.approvedBy): \(recovery.groups.count) groups, "
      + "\(recovery.replicasLost) replicas declared lost (\(servers.isEmpty ? "none" : servers)), "
      + "\(recovery.replicasPlaced) placed anew, \(recovery.bindingsRecovered) bindings found in the store"
  }

  private static func text(_ gate: GateForecast) -> String {
    let sentences = gate.verdict.objections.map { "\n    \($0.gate.rawValue): \($0.sentence)" }.joined()
    switch gate.verdict {
    case .go: return "gate \(gate.server): go\(sentences)"
    case .wait: return "gate \(gate.server): wait\(sentences)"
    case .fail: return "gate \(gate.server): no\(sentences)"
    }
  }

  /// Pads columns; the last one is left as it is.
  static func columns(_ rows: [[String]]) -> [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { column, cell in
        column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
      }.joined(separator: "  ")
    }
  }
}
