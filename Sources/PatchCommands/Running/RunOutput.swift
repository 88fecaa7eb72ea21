import ArgumentParser
import PatchEngine
import PatchRun

/// Runs something that ends in a report, shows it, and ends the command with the report's exit code.
enum RunOutput {
  /// - Parameter body: gets where news go.
  static func run(
    _ options: OutputOptions,
    _ body: (@escaping PatchEngine.Progress) async throws -> RunReport
  ) async throws {
    let display = ProgressDisplay(options)
    let report = try await display.during { try await body { display.show($0) } }
    try show(report, options)
    try end(report.exitCode)
  }

  /// Prints a report as the options ask.
  static func show(_ report: RunReport, _ options: OutputOptions) throws {
    if options.progress == .json {
      Terminal.write(try JSONText.line(["report": report]))
    } else if options.json {
      Terminal.write(try JSONText.document(report))
    } else {
      Terminal.write(RunReportText.render(report))
    }
  }

  /// Ends the command with an exit code of ours; does nothing for `.done`.
  static func end(_ code: PatchRun.ExitCode) throws {
    if code != .done { throw ArgumentParser.ExitCode(code.rawValue) }
  }
}

/// Questions before something that cannot be taken back.
enum Prompt {
  /// Asks unless `isAnswered`; throws when the answer is no, or nobody is there to ask.
  static func confirm(_ question: String, isAnswered: Bool) throws(CommandFailure) {
    if isAnswered { return }
    switch Terminal.ask(question) {
    case true?: return
    case false?: throw CommandFailure(.notGood, "nothing was done")
    case nil: throw CommandFailure(.usage, "\(question) Nobody is there to answer: give --yes to go on.")
    }
  }
}
