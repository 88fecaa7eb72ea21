import ArgumentParser
import Foundation
import PatchEngine
import PatchRun
import PoolFile

/// `quorate patch`: the whole procedure.
struct PatchPoolCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "patch",
    abstract: "Patch every server of a pool, one at a time, with a gate before every stop.",
    discussion: """
      Servers that run the target version already are skipped. Killed, it goes on where it was when it is run again. It pauses \
      with exit code 75 when something needs a person, and refuses with 77 what would be unsafe.
      """
  )

  @OptionGroup var pool: PoolArgument
  @OptionGroup var act: ActOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var choices: PatchChoices

  @Flag(help: "Print the plan and do nothing.")
  var plan = false

  @Option(help: ArgumentHelp("Execute exactly the plan in this file (of --plan --json).", valueName: "file"))
  var planFile: String?

  @Option(help: ArgumentHelp("Write the report as a self-contained HTML page too.", valueName: "file"))
  var report: String?

  func validate() throws {
    if plan, planFile != nil {
      throw ValidationError("--plan prints a new plan and --plan-file executes one: use one of them.")
    }
  }

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      guard connection.file.patch != nil else {
        throw CommandFailure(
          .badFile,
          "\(connection.file.path): has no 'patch' section; add one (see 'quorate init')"
        )
      }
      var options = try choices.options(act, connection)
      if let planFile { options.plan = try Self.read(planFile) }
      if plan {
        let made = try await connection.engine.plan(options)
        Terminal.write(output.json ? try JSONText.document(made) : PlanText.render(made))
        return
      }
      if try await choices.asksForRecovery(act, connection) { options.recoverApproved = Operator.name }
      let chosen = options
      try await RunOutput.run(output, page: act.whatIf ? nil : report) {
        try await connection.engine.patch(chosen, progress: $0)
      }
    }
  }

  private static func read(_ path: String) throws(CommandFailure) -> PatchPlan {
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      return try JSONDecoder().decode(PatchPlan.self, from: data)
    } catch let error as DecodingError {
      throw CommandFailure(
        .badFile,
        "\(path): is no plan (\(error)); make one with 'quorate patch --plan --json'"
      )
    } catch {
      throw CommandFailure(.badFile, "\(path): cannot be read: \(error.localizedDescription)")
    }
  }
}
