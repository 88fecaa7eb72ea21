import ArgumentParser
import PoolFile
import ServerControl

/// `quorate keep`, hidden: the keeper process of one server.
struct KeepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keep",
    abstract: "Keep one server's process running (started by 'quorate pool start').",
    shouldDisplay: false
  )

  @Option(help: "The pool file.")
  var config: String

  @Option(help: "The server.")
  var server: String

  @Option(help: "How long it may take to end before it is killed.")
  var stopBound = DurationArgument(.seconds(30))

  func run() throws {
    let file = try PoolFile.load(config)
    let server = try file.known(server)
    try Keeper(
      poolFile: file.path,
      server: server,
      directory: file.directory(of: server),
      stopBound: stopBound.value
    ).run()
  }
}
