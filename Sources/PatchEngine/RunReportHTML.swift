public import PatchRun
import PoolModel

/// A report as one self-contained HTML page: no script, no picture, nothing fetched. Made from the report alone, which is
/// made from the journal alone.
public enum RunReportHTML {
  /// Renders `report`.
  public static func render(_ report: RunReport) -> String {
    let title = RunReportText.title(report)
    let body = [
      head(report),
      RunTimeline(report).svg(),
      RunTimeline.legend(),
      servers(report),
      figures(report),
      users(report),
      list("Forced", report.forced.map(forced)),
      list("Notes", report.remarks),
      list("Go on with", report.next),
    ]
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><title>\(escape(title))</title>
      <style>\(style)</style></head>
      <body>
      \(body.filter { !$0.isEmpty }.joined(separator: "\n"))
      </body></html>

      """
  }

  private static let style = """
    body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#1c2430}
    h1{font-size:1.5em;margin:0}h2{font-size:1.1em;margin:1.6em 0 .4em}
    table{border-collapse:collapse}td,th{padding:.25em .9em .25em 0;text-align:left;vertical-align:top}
    th{font-weight:600;border-bottom:1px solid #ccd}
    .finished,.done{color:#14713d}.paused,.stopped,.refused,.abandoned,.quarantined,.returned{color:#b3261e}
    svg{width:100%;height:auto;margin-top:1em}.muted{color:#667}
    .key{display:inline-block;margin-right:1.2em}.key i{display:inline-block;width:.9em;height:.9em;margin-right:.35em}
    """

  private static func head(_ report: RunReport) -> String {
    var lines = [
      "<h1>\(escape(RunReportText.title(report))): "
        + "<span class=\"\(report.outcome.word)\">\(report.outcome.word)</span></h1>"
    ]
    var times = "run \(report.run), by \(report.by), from \(report.began.text)"
    if let ended = report.ended { times += " to \(ended.text) (\((ended - report.began).text))" }
    lines.append("<p class=\"muted\">\(escape(times))</p>")
    switch report.outcome {
    case .paused(let why), .stopped(let why), .abandoned(let why): lines.append("<p>\(escape(why))</p>")
    case .refused(let objections): lines.append(list("Refused because", objections.map(\.sentence)))
    case .running, .whatIf, .finished: break
    }
    if report.coordinators.count > 1 {
      let names = report.coordinators.map { "\($0.by) since \($0.since.text)" }
      lines.append(list("Coordinated by", names))
    }
    return lines.joined(separator: "\n")
  }

  private static func servers(_ report: RunReport) -> String {
    guard !report.servers.isEmpty else { return "" }
    var rows = ["<tr><th>server<th>before<th>after<th>result<th>out for<th>clients<th>steps</tr>"]
    for server in report.servers {
      let steps = server.steps.map { step in
        "\(step.phase.words) \(step.took?.text ?? "…")"
          + (step.attempts > 1 ? " (\(step.attempts) tries)" : "")
      }
      let cells = [
        escape(server.server.rawValue), escape(server.before ?? "–"), escape(server.after ?? "–"),
        "<span class=\"\(server.outcome.word)\">\(server.outcome.word)</span>"
          + (server.outcome.why.map { "<br><span class=\"muted\">\(escape($0))</span>" } ?? ""),
        escape(server.outTime?.text ?? "–"),
        server.clients.map { "\($0.moved) moved, \($0.notMoved) not" } ?? "–",
        escape(steps.joined(separator: ", ")),
      ]
      rows.append("<tr>" + cells.map { "<td>\($0)" }.joined() + "</tr>")
    }
    return "<h2>Servers</h2><table>\(rows.joined())</table>"
  }

  private static func figures(_ report: RunReport) -> String {
    var rows: [(String, String)] = []
    let plan = report.plan.moves
    if report.kind == .patch || report.kind == .restart {
      rows.append(("Primary moves planned", "\(plan.total), of them \(plan.evening) to even out"))
      rows.append(("Floor of moves", plan.why.map { "\(plan.floor): \($0)" } ?? "\(plan.floor)"))
      rows.append(("Moves of the naive way", "\(plan.naive)"))
      if let actual = report.movesActual {
        let evening = report.movesEvening ?? 0
        rows.append(("Primary moves done", "\(actual), of them \(evening) to even out"))
      }
      if let predicted = report.plan.predicted { rows.append(("Time predicted", predicted.text)) }
      if let ended = report.ended { rows.append(("Time taken", (ended - report.began).text)) }
      if let lowest = report.plan.lowestRedundancy {
        rows.append(("Lowest redundancy", "\(lowest) replicas"))
      }
    }
    if let recovery = report.recovery {
      rows.append(("Recovery approved by", recovery.approvedBy))
      rows.append(("Groups rebuilt", "\(recovery.groups.count)"))
      rows.append(("Declared lost", recovery.lostServers.map(\.rawValue).joined(separator: ", ")))
      rows.append(("Bindings found in the store", "\(recovery.bindingsRecovered)"))
    }
    guard !rows.isEmpty else { return "" }
    let cells = rows.map { "<tr><td>\(escape($0.0))<td>\(escape($0.1))</tr>" }
    return "<h2>Figures</h2><table>\(cells.joined())</table>"
  }

  /// What users saw: by server, and the groups that waited longest.
  private static func users(_ report: RunReport) -> String {
    let title = "<h2>What users saw</h2>"
    if let why = report.unwatched { return title + "<p>Nobody watched (\(escape(why))).</p>" }
    guard let probes = report.probes else { return "" }
    var rows = ["<tr><th>through<th>requests<th>failed<th>longest gap</tr>"]
    let servers = (probes.servers ?? []).map { ($0.server.rawValue, $0.tally) }
    let groups = (probes.groups ?? []).map { ($0.group.description, $0.tally) }
    for (name, tally) in servers + groups {
      rows.append(
        "<tr><td>\(escape(name))<td>\(tally.requests)<td>\(tally.failed)<td>\(escape(tally.longestGap.text))</tr>"
      )
    }
    return title + "<p>\(escape(probes.text))</p><table>\(rows.joined())</table>"
  }

  private static func forced(_ act: ForcedAct) -> String {
    "\(act.server) at \(act.at.text) by \(act.by) (\(act.reason)), over: \(act.objections.joined(separator: "; "))"
  }

  private static func list(_ title: String, _ items: [String]) -> String {
    guard !items.isEmpty else { return "" }
    return "<h2>\(escape(title))</h2><ul>\(items.map { "<li>\(escape($0))" }.joined())</ul>"
  }

  /// Text that stands in HTML as it is, also within quotes.
  static func escape(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.append(character)
      }
    }
    return escaped
  }
}
