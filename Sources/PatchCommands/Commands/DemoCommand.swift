import ArgumentParser
import PoolDemo

/// `quorate demo`.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Start a pool of three servers with 3,000 users in a temporary directory, and patch it.",
    discussion: """
      Registers the users over SIP, keeps them at work, patches the pool from this release to the next (the program \
      quorate-next beside this one), audits every binding, prints the report and leaves nothing behind.
      """
  )

  @Option(help: ArgumentHelp("How many users.", valueName: "count"))
  var users = 3000

  @Option(help: ArgumentHelp("How many servers.", valueName: "count"))
  var servers = 3

  @Flag(help: "Leave the pool running and print the commands to try.")
  var keep = false

  @Flag(help: "Print the report as a JSON document.")
  var json = false

  func validate() throws {
    guard (1...100_000).contains(users) else { throw ValidationError("--users takes 1 to 100000.") }
    guard (1...9).contains(servers) else { throw ValidationError("--servers takes 1 to 9.") }
  }

  func run() async throws {
    var options = DemoOptions()
    options.users = users
    options.servers = servers
    options.keep = keep
    options.json = json
    let code = await DemoRun(options).run()
    if code != 0 { throw ExitCode(code) }
  }
}
