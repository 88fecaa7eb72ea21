import ArgumentParser
import PatchEngine
import PatchRun
import PoolFile

/// `quorate failover`: step 2 of the procedure.
struct FailOverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "failover",
    abstract: "Move every service off one server, take it out of service and stop it.",
    discussion: """
      Refused (exit code 77), with the objections, when the pool cannot spare the server. It stays out, also across restarts, \
      until 'quorate failback'. When the wait time runs out it is in service again.
      """
  )

  @Argument(help: "The server.")
  var server: String

  @OptionGroup var pool: PoolOption
  @OptionGroup var act: ActOptions
  @OptionGroup var force: ForceOptions
  @OptionGroup var output: OutputOptions

  @Option(
    help: ArgumentHelp(
      "Over how long its clients are moved (left out: the pool file's drain-time).",
      valueName: "time"
    )
  )
  var drainTime: DurationArgument?

  @Flag(help: "Leave its process running when everything has moved.")
  var noStop = false

  @Option(help: ArgumentHelp("How much must remain: \(Floor.names).", valueName: "floor"))
  var floor = Floor.quorate

  @OptionGroup var asking: AskingOptions

  func validate() throws {
    if let drainTime, drainTime.value >= act.waitTime.value {
      throw ValidationError("--drain-time must be shorter than --wait-time.")
    }
  }

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      let server = try connection.server(server)
      try asking.confirm("Fail over server \(server) of pool \(connection.file.pool)?", whatIf: act.whatIf)
      let options = FailOverOptions(
        waitTime: act.waitTime.value,
        drainTime: drainTime?.value ?? connection.file.drainTime,
        force: force.word,
        noStop: noStop,
        floor: floor,
        whatIf: act.whatIf
      )
      try await RunOutput.run(output) { try await connection.engine.failOver(server, options, progress: $0) }
    }
  }
}

/// Whether to ask first. Off by default where ours does not ask; the original's own command lines turn it on.
struct AskingOptions: ParsableArguments {
  @Flag(help: "Ask before acting.")
  var confirm = false

  @Flag(help: "Answer every question with yes.")
  var yes = false

  func confirm(_ question: String, whatIf: Bool) throws(CommandFailure) {
    try Prompt.confirm(question, isAnswered: !confirm || yes || whatIf)
  }
}

extension Floor: ExpressibleByArgument {
  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
