import ArgumentParser
import PatchEngine
import PatchRun
import PoolFile
import PoolModel

/// `quorate runs`.
struct RunsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs",
    abstract: "List, show, pause, resume or abort the runs of a pool.",
    subcommands: [
      ListRunsCommand.self, ShowRunCommand.self, PauseRunCommand.self, ResumeRunCommand.self,
      AbortRunCommand.self,
    ],
    defaultSubcommand: ListRunsCommand.self
  )
}

/// `quorate runs list`.
struct ListRunsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List every run, the newest first."
  )

  @OptionGroup var pool: PoolArgument
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      let runs = try await connection.engine.runs()
      Terminal.write(output.json ? try JSONText.document(runs) : RunListText.render(runs))
    }
  }
}

/// `quorate runs show`.
struct ShowRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a run's report.")

  @OptionGroup var pool: PoolArgument
  @OptionGroup var output: OutputOptions

  @Option(name: .customLong("run"), help: ArgumentHelp("The run (left out: the newest).", valueName: "run"))
  var runID: String?

  @Option(help: ArgumentHelp("Write it as one self-contained HTML page.", valueName: "file"))
  var html: String?

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      let report = try await connection.engine.show(runID)
      if let html {
        try RunOutput.writePage(report, to: html)
      } else {
        try RunOutput.show(report, output)
      }
    }
  }
}

/// `quorate runs pause`.
struct PauseRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Ask the run that goes on to pause before its next server."
  )

  @OptionGroup var pool: PoolArgument
  @OptionGroup var output: OutputOptions

  @Option(help: ArgumentHelp("Why, for the journal.", valueName: "text"))
  var reason = "asked for by an operator"

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      if whatIf {
        Terminal.write("would ask the run of pool \(connection.file.pool) to pause\n")
        return
      }
      let summary = try await connection.engine.pause(reason: reason)
      Terminal.write(output.json ? try JSONText.document(summary) : RunListText.render([summary]))
    }
  }
}

/// `quorate runs resume`.
struct ResumeRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Go on with the unfinished run."
  )

  @OptionGroup var pool: PoolArgument
  @OptionGroup var output: OutputOptions

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      if whatIf {
        Terminal.write("would go on with the unfinished run of pool \(connection.file.pool)\n")
        return
      }
      try await RunOutput.run(output) { try await connection.engine.resume(progress: $0) }
    }
  }
}

/// `quorate runs abort`.
struct AbortRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "abort",
    abstract: "Give the unfinished run up: bring back what it took out and verifies."
  )

  @OptionGroup var pool: PoolArgument
  @OptionGroup var output: OutputOptions

  @Option(help: ArgumentHelp("Why, for the journal.", valueName: "text"))
  var reason = "asked for by an operator"

  @Flag(help: "Give up a run whose journal cannot be read: touches no server.")
  var discardJournal = false

  @Flag(help: "Do not ask.")
  var yes = false

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      if whatIf {
        Terminal.write("would give up the unfinished run of pool \(connection.file.pool)\n")
        return
      }
      if discardJournal { return try await discard(connection) }
      try Prompt.confirm("Give up the unfinished run of pool \(connection.file.pool)?", isAnswered: yes)
      try await RunOutput.run(output) { try await connection.engine.abort(reason: reason, progress: $0) }
    }
  }

  private func discard(_ connection: PoolConnection) async throws {
    try Prompt.confirm(
      "Give up the unfinished run of pool \(connection.file.pool) without its journal, and leave every server as it is?",
      isAnswered: yes
    )
    let left = try await connection.engine.discard(reason: reason)
    if output.json { return Terminal.write(try JSONText.document(["serversOut": left.map(\.rawValue)])) }
    Terminal.write("the run was given up; no server was touched\n")
    for server in left {
      Terminal.write("\(server) is out by it: quorate failback \(server) --pool \(connection.file.path)\n")
    }
  }
}
