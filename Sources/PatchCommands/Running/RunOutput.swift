import ArgumentParser
import Foundation
import PatchEngine
import PatchRun

/// Runs something that ends in a report, shows it, and ends the command with the report's exit code.
enum RunOutput {
  /// - Parameters:
  ///   - page: a file that gets the report as an HTML page too.
  ///   - body: gets where news go.
  static func run(
    _ options: OutputOptions,
    page: String? = nil,
    _ body: @escaping @Sendable (@escaping PatchEngine.Progress) async throws -> RunReport
  ) async throws {
    let display = ProgressDisplay(options)
    let report = try await display.during {
      try await Interruption.during { try await body { display.show($0) } }
    }
    if let page { try writePage(report, to: page) }
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

  /// Writes a report as a page, over one that is there.
  static func writePage(_ report: RunReport, to path: String) throws(CommandFailure) {
    do {
      try RunReportHTML.render(report).write(toFile: path, atomically: true, encoding: .utf8)
    } catch {
      throw CommandFailure(.notGood, "\(path): cannot be written: \(error.localizedDescription)")
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
    case nil:
      throw CommandFailure(
        .usage,
        "\(question) Nobody is there to answer: give --yes (a cmdlet: -Confirm:$false) to go on."
      )
    }
  }
}
