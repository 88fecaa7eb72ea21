import ArgumentParser
import PatchEngine
import PoolFile

/// `quorate failback`: step 4 of the procedure.
struct FailBackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "failback",
    abstract: "Return a server that was failed over to service.",
    discussion: """
      Starts its process, waits until its replicas have caught up and primaries are back and even, and proves it with a \
      registration. When the wait time runs out it stays out.
      """
  )

  @Argument(help: "The server.")
  var server: String

  @OptionGroup var pool: PoolOption
  @OptionGroup var act: ActOptions
  @OptionGroup var output: OutputOptions

  @Flag(help: "Do not start its process: it runs already.")
  var noStart = false

  @Flag(inversion: .prefixedNo, help: "Bring primaries back and even them out before it returns.")
  var even = true

  @OptionGroup var asking: AskingOptions

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      let server = try connection.server(server)
      try asking.confirm("Fail back server \(server) of pool \(connection.file.pool)?", whatIf: act.whatIf)
      let options = FailBackOptions(
        waitTime: act.waitTime.value,
        noStart: noStart,
        even: even,
        whatIf: act.whatIf
      )
      try await RunOutput.run(output) { try await connection.engine.failBack(server, options, progress: $0) }
    }
  }
}
