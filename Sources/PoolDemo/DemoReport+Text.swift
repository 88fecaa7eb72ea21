extension DemoReport {
  /// The report as a person reads it at the end of the demo.
  var text: String {
    var lines: [String] = []
    lines.append("Servers")
    for server in servers {
      let took = server.steps.compactMap(\.milliseconds).reduce(0, +)
      lines.append(
        "  \(server.name)  \(server.before) -> \(server.after)  \(server.outcome) in \(Self.seconds(took)); the process says "
          + (versionsRunning[server.name] ?? "nothing")
      )
      let steps = server.steps.map { "\($0.name) \($0.milliseconds.map(Self.seconds) ?? "?")" }
      if !steps.isEmpty { lines.append("       \(steps.joined(separator: ", "))") }
    }
    if let primaryMoves {
      let floor = primaryMovesFloor.map { " (floor \($0)" } ?? ""
      let naive = primaryMovesNaive.map { "; \($0) with evening out after each server)" } ?? ""
      lines.append("Primary moves       \(primaryMoves)\(floor)\(naive)")
    }
    lines.append("Patch run           \(patchSeconds.rounded(to: 1)) s, exit code \(patchExitCode)")
    lines.append("")
    lines.append("What \(users) users saw meanwhile")
    lines.append(Self.row("", ["sent", "failed", "503", "ICMP", "silences", "median", "p99", "longest gap"]))
    lines.append(Self.row("REGISTER", registers))
    lines.append(Self.row("MESSAGE", messages))
    lines.append("Retries             \(retries)")
    lines.append("MESSAGEs delivered  \(messagesDelivered)")
    lines.append("Longest gap         \(longestGapMilliseconds.rounded(to: 1)) ms")
    for failure in registers.failures + messages.failures { lines.append("Failed              \(failure)") }
    if !notable.isEmpty {
      lines.append("Slowest")
      lines += notable.map { "  \($0)" }
    }
    lines.append("")
    lines.append(
      "Bindings            \(bindingsAcknowledged) acknowledged, \(bindingsPresent) present, \(bindingsLost) lost"
        + (bindingsUnanswered > 0 ? ", \(bindingsUnanswered) unanswered" : "")
    )
    lines += examples.map { "  \($0)" }
    lines.append("")
    lines.append(
      isGood
        ? "Patched, and nothing was lost: no request failed and every acknowledged binding is there."
        : "NOT GOOD: see the lines above."
    )
    return lines.joined(separator: "\n") + "\n"
  }

  private static func seconds(_ milliseconds: Int64) -> String {
    milliseconds < 1000 ? "\(milliseconds) ms" : "\((Double(milliseconds) / 1000).rounded(to: 1)) s"
  }

  private static func row(_ name: String, _ requests: Requests) -> String {
    row(
      name,
      [
        "\(requests.sent)", "\(requests.failed)", "\(requests.unavailable503)", "\(requests.icmpErrors)",
        "\(requests.silences)", "\(requests.gapMedianMilliseconds.rounded(to: 1)) ms",
        "\(requests.gapP99Milliseconds.rounded(to: 1)) ms",
        "\(requests.longestGapMilliseconds.rounded(to: 1)) ms",
      ]
    )
  }

  private static func row(_ name: String, _ cells: [String]) -> String {
    let head = name + String(repeating: " ", count: max(0, 10 - name.count))
    return "  " + head + cells.map { String(repeating: " ", count: max(1, 12 - $0.count)) + $0 }.joined()
  }
}
