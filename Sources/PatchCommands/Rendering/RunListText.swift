import PatchEngine
import PatchRun

/// Runs as a table.
enum RunListText {
  static func render(_ runs: [RunSummary]) -> String {
    if runs.isEmpty { return "no run yet\n" }
    var table = TextTable([
      .init(heading: "RUN"), .init(heading: "KIND"), .init(heading: "BEGAN"), .init(heading: "BY"),
      .init(heading: "STATE"), .init(heading: "WHY"),
    ])
    for run in runs {
      let state = run.outcome == .running && !run.isLive ? "unfinished" : run.outcome.word
      table.add([run.run, run.kind.rawValue, run.began.text, run.by, state, why(run.outcome)])
    }
    return table.lines.joined(separator: "\n") + "\n"
  }

  private static func why(_ outcome: RunOutcome) -> String {
    switch outcome {
    case .running, .whatIf, .finished: ""
    case .paused(let why), .stopped(let why), .abandoned(let why): why
    case .refused(let objections): objections.map(\.sentence).joined(separator: "; ")
    }
  }
}
