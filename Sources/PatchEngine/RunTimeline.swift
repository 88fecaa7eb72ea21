import PatchRun
import PoolModel

/// A run as a picture: a row for each server, time along, steps coloured.
struct RunTimeline {
  private let report: RunReport
  private let servers: [ServerReport]
  private let begin: PoolTime
  private let length: Double

  private static let width = 960.0
  private static let left = 110.0
  private static let row = 26.0

  init(_ report: RunReport) {
    self.report = report
    servers = report.servers.filter { !$0.steps.isEmpty }
    begin = report.began
    let last = servers.flatMap(\.steps).map { $0.ended ?? $0.began }.max() ?? report.began
    let end = max(last, report.ended ?? last)
    length = max(0.001, (end - report.began).inSeconds)
  }

  /// The colour of a step.
  static func colour(_ phase: ServerPhase) -> String {
    switch phase {
    case .gate, .lastGate: "#e0a100"
    case .failOver: "#d2691e"
    case .stop, .start, .reboot: "#8a8f98"
    case .apply, .stage, .rollback: "#3367d6"
    case .version, .verify: "#7b5cd6"
    case .failBack: "#2e9e6b"
    case .settle: "#a9d8bf"
    case .beforeServer, .afterServer: "#c48fb8"
    case .waiting, .done: "#e4e7ec"
    }
  }

  private func x(_ time: PoolTime) -> Double {
    Self.left + (Self.width - Self.left - 10) * min(1, max(0, (time - begin).inSeconds / length))
  }

  private static func number(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths % 10))"
  }

  /// The picture; empty when no server was worked on.
  func svg() -> String {
    guard !servers.isEmpty else { return "" }
    let gaps = gaps(y: Self.row * Double(servers.count) + 4)
    let height = Self.row * Double(servers.count + (gaps == nil ? 0 : 1)) + 30
    var parts = [
      "<svg viewBox=\"0 0 \(Self.number(Self.width)) \(Self.number(height))\" role=\"img\" aria-label=\"Timeline\" "
        + "font-family=\"system-ui,sans-serif\" font-size=\"12\">"
    ]
    parts += axis(height)
    for (index, server) in servers.enumerated() { parts.append(row(server, y: Self.row * Double(index) + 4)) }
    if let gaps { parts.append(gaps) }
    parts.append("</svg>")
    return parts.joined(separator: "\n")
  }

  private func row(_ server: ServerReport, y: Double) -> String {
    let name = RunReportHTML.escape(server.server.rawValue)
    var parts = ["<text x=\"0\" y=\"\(Self.number(y + 14))\">\(name)</text>"]
    for step in server.steps {
      let from = x(step.began)
      let to = max(from + 1.5, x(step.ended ?? report.ended ?? step.began))
      var title = "\(server.server): \(step.phase.words), \(step.took?.text ?? "not ended")"
      if !step.waits.isEmpty { title += "; waited for: " + step.waits.joined(separator: "; ") }
      if let failure = step.failure { title += "; \(failure)" }
      let edge = step.failure == nil ? "" : " stroke=\"#b3261e\" stroke-width=\"2\""
      parts.append(
        "<rect x=\"\(Self.number(from))\" y=\"\(Self.number(y))\" width=\"\(Self.number(to - from))\" height=\"18\" "
          + "fill=\"\(Self.colour(step.phase))\"\(edge)><title>\(RunReportHTML.escape(title))</title></rect>"
      )
    }
    return parts.joined()
  }

  /// A row with the longest gaps that users saw; `nil` without any.
  private func gaps(y: Double) -> String? {
    let dated = (report.probes?.groups ?? []).filter { $0.at != nil && $0.tally.longestGap > .zero }
    guard !dated.isEmpty else { return nil }
    var parts = ["<text x=\"0\" y=\"\(Self.number(y + 14))\">users</text>"]
    for group in dated {
      guard let at = group.at else { continue }
      let from = x(at + (.zero - group.tally.longestGap))
      let title = "\(group.group): a gap of \(group.tally.longestGap.text)"
      parts.append(
        "<rect x=\"\(Self.number(from))\" y=\"\(Self.number(y))\" width=\"\(Self.number(max(1.5, x(at) - from)))\" "
          + "height=\"18\" fill=\"#b3261e\" fill-opacity=\"0.5\"><title>\(RunReportHTML.escape(title))</title></rect>"
      )
    }
    return parts.joined()
  }

  private func axis(_ height: Double) -> [String] {
    (0...4).map { quarter in
      let seconds = length * Double(quarter) / 4
      let place = x(begin + .nanoseconds(Int64(seconds * 1e9)))
      let anchor = quarter == 4 ? "end" : "middle"
      return
        "<line x1=\"\(Self.number(place))\" x2=\"\(Self.number(place))\" y1=\"0\" y2=\"\(Self.number(height - 22))\" "
        + "stroke=\"#e4e7ec\"/><text x=\"\(Self.number(place))\" y=\"\(Self.number(height - 6))\" "
        + "text-anchor=\"\(anchor)\" fill=\"#667\">\(Duration.nanoseconds(Int64(seconds * 1e9)).text)</text>"
    }
  }

  /// What the colours mean.
  static func legend() -> String {
    let phases: [ServerPhase] = [.gate, .failOver, .stop, .apply, .version, .failBack, .settle]
    let keys = phases.map { phase in
      "<span class=\"key\"><i style=\"background:\(colour(phase))\"></i>\(phase.words)</span>"
    }
    return "<p class=\"muted\">\(keys.joined())</p>"
  }
}
