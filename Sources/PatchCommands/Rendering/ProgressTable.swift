import PatchEngine
import PatchRun
import PoolModel

/// A run's progress as it stands: news in, lines out. Pure, so that a test can hold what it shows.
struct ProgressTable {
  private struct Row {
    var server: ServerName
    var version: String
    var words: String
    var detail = ""
    var done = ""
    var since: PoolTime?
    var ended: PoolTime?
  }

  private var run = ""
  private var head = ""
  private var rows: [Row] = []
  private var news = ""

  /// Takes one piece of news in.
  mutating func apply(_ event: RunEvent) {
    run = event.run
    if let plan = event.plan {
      head = Self.head(plan)
      rows = plan.entries.map { entry in
        Row(
          server: entry.server,
          version: entry.version ?? "-",
          words: entry.skip == nil ? "waiting" : "skipped",
          detail: entry.skip ?? ""
        )
      }
    }
    guard let server = event.server else {
      news = event.message
      return
    }
    let index = row(server)
    if event.kind == .output {
      rows[index].detail = event.message
      return
    }
    if let phase = event.phase {
      rows[index].words = phase.words
      if rows[index].since == nil, phase != .waiting { rows[index].since = event.at }
    }
    if let outcome = event.outcome {
      rows[index].words = outcome.word
      rows[index].ended = event.at
    }
    rows[index].detail = Self.detail(event, beside: rows[index].words)
    rows[index].done = event.done.flatMap { done in event.total.map { "\(done)/\($0)" } } ?? ""
  }

  /// The table at a time, each line cut to `width`.
  func lines(at now: PoolTime, width: Int) -> [String] {
    var table = TextTable([
      .init(heading: "SERVER"), .init(heading: "VERSION"), .init(heading: "STEP"), .init(heading: "DONE"),
      .init(heading: "TIME", side: .right), .init(heading: "DETAIL"),
    ])
    for row in rows {
      let time = row.since.map { ((row.ended ?? now) - $0).text } ?? ""
      table.add([row.server.rawValue, row.version, row.words, row.done, time, row.detail])
    }
    let top = ["\(head.isEmpty ? "" : head + ", ")run \(run)"]
    return (top + (rows.isEmpty ? [] : table.lines) + (news.isEmpty ? [] : [news])).map {
      String($0.prefix(width))
    }
  }

  private static func head(_ plan: PatchPlan) -> String {
    let target = plan.kind == .patch ? plan.target.map { " to \($0)" } : nil
    return "\(plan.kind.rawValue) of pool \(plan.pool)\(target ?? "")"
  }

  /// What the news say beyond the words of the step that stand beside them.
  private static func detail(_ event: RunEvent, beside words: String) -> String {
    var message = event.message == words ? "" : event.message
    if message.hasPrefix("\(words): ") { message = String(message.dropFirst(words.count + 2)) }
    return ([message] + event.objections.map(\.sentence).filter { !message.contains($0) })
      .filter { !$0.isEmpty }.joined(separator: "; ")
  }

  private mutating func row(_ server: ServerName) -> Int {
    if let index = rows.firstIndex(where: { $0.server == server }) { return index }
    rows.append(Row(server: server, version: "-", words: "waiting"))
    return rows.count - 1
  }
}

/// One piece of news as a line.
enum ProgressLine {
  /// `12:00:01 fe1  moving services off: 5 primaries left (3 of 8)`.
  static func text(_ event: RunEvent) -> String {
    var line = TimeText.clock(event.at) + " "
    if let server = event.server { line += "\(server)  " }
    var parts: [String] = []
    switch event.kind {
    case .phase: if let phase = event.phase { parts.append(phase.words) }
    case .waiting: parts.append("waiting")
    case .warning: parts.append("warning")
    case .output: parts.append("|")
    case .server: if let outcome = event.outcome { parts.append(outcome.word) }
    case .began, .progress, .run, .ended: break
    }
    // What the message says already is not said twice.
    if let word = parts.last, event.message == word || event.message.hasPrefix("\(word): ") {
      parts.removeLast()
    }
    if !event.message.isEmpty { parts.append(event.message) }
    parts += event.objections.map(\.sentence).filter { !event.message.contains($0) }
    line += event.kind == .output ? parts.joined(separator: " ") : parts.joined(separator: ": ")
    if let done = event.done, let total = event.total { line += " (\(done) of \(total))" }
    return line
  }
}
