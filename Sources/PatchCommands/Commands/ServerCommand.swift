import ArgumentParser
import PoolFile
import PoolModel

/// `quorate server`.
struct ServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server",
    abstract: "Add a server to a running pool, or remove one.",
    subcommands: [AddServerCommand.self, RemoveServerCommand.self]
  )
}

/// `quorate server add`.
struct AddServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Add a server that stands in the pool file already: start it and move replicas to it."
  )

  @Argument(help: "The server.")
  var server: String

  @OptionGroup var pool: PoolOption
  @OptionGroup var act: ActOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      try await PoolChange(connection: connection, act: act, output: output)
        .add(connection.file.serverAnswering(to: server)?.name ?? ServerName(server))
    }
  }
}

/// `quorate server remove`.
struct RemoveServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Fail a server over through the gates, stop it, and take it out of the pool for good.",
    discussion: "Its replicas are placed on the other servers. Delete it from the pool file afterwards."
  )

  @Argument(help: "The server.")
  var server: String

  @OptionGroup var pool: PoolOption
  @OptionGroup var act: ActOptions
  @OptionGroup var force: ForceOptions
  @OptionGroup var output: OutputOptions

  @Flag(help: "Do not ask.")
  var yes = false

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      try Prompt.confirm(
        "Remove server \(server) from pool \(connection.file.pool) for good?",
        isAnswered: yes || act.whatIf
      )
      try await PoolChange(connection: connection, act: act, output: output, force: force.word)
        .removeGated(ServerName(server))
    }
  }
}
