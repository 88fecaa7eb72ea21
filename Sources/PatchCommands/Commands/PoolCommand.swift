import ArgumentParser
import FabricStore
import PatchRun
import PoolDriving
import PoolFile
import PoolModel
import ServerControl

/// `quorate pool`.
struct PoolCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pool",
    abstract: "Start, stop and show the processes of a pool's servers.",
    subcommands: [StartPoolCommand.self, StopPoolCommand.self, PoolStatusCommand.self, ReachPoolCommand.self]
  )
}

/// Which of a pool's servers.
struct ServerChoice: ParsableArguments {
  @Option(
    name: .customLong("server"),
    help: ArgumentHelp("Only this server; may be repeated.", valueName: "server")
  )
  var servers: [String] = []

  /// The servers meant: all when none is named.
  func servers(of file: PoolFile) throws(CommandFailure) -> [ServerName] {
    if servers.isEmpty { return file.servers.map(\.name) }
    var chosen: [ServerName] = []
    for name in servers { chosen.append(try file.known(name)) }
    return chosen
  }
}

/// `quorate pool start`.
struct StartPoolCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Start the servers of a pool, and wait until every group has a primary.",
    discussion: """
      A server that has no release gets this program as its first one. Servers that were failed over are started and stay out.
      """
  )

  @OptionGroup var pool: PoolArgument
  @OptionGroup var choice: ServerChoice
  @OptionGroup var output: OutputOptions

  @Flag(inversion: .prefixedNo, help: "Wait until the pool serves.")
  var wait = true

  @Option(help: ArgumentHelp("How long to wait before giving up.", valueName: "time"))
  var waitTime = DurationArgument(.seconds(120))

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  func run() async throws {
    let file = try PoolConnection.file(pool.pool)
    let servers = try choice.servers(of: file)
    let names = servers.map(\.rawValue).joined(separator: ", ")
    if whatIf { return try tell("would start \(names)", file, servers) }
    let deadline = ContinuousClock.now + waitTime.value
    for server in servers where file.server(server)?.service == .supervised {
      if let version = try ReleaseChoice(file).prepare(server) {
        note("\(server)  installed release \(version)")
      }
    }
    try await PoolProcesses(try PoolServerControl(file)).start(servers, deadline: deadline)
    note("started \(names)")
    if wait {
      // The first server to come makes the fabric, maybe a moment from now.
      let store = try await FabricOpening.openWhenThere(
        file,
        logger: PoolConnection.logger(verbose: output.verbose),
        by: deadline
      )
      let connection = try PoolConnection(
        file: file,
        store: store,
        logger: PoolConnection.logger(verbose: output.verbose)
      )
      let result = await Result {
        try await PoolWait(connection: connection, deadline: deadline).untilUp(servers) { note($0.message) }
      }
      await store.close()
      try result.get()
    }
    try tell("pool \(file.pool) \(wait ? "serves" : "starts")", file, servers)
  }

  private func note(_ text: String) {
    if output.progress == .none { return }
    if output.json { Terminal.writeError(text + "\n") } else { Terminal.write(text + "\n") }
  }

  private func tell(_ text: String, _ file: PoolFile, _ servers: [ServerName]) throws {
    try PoolActionOutput(
      pool: file.pool.rawValue,
      action: "start",
      whatIf: whatIf,
      servers: servers.map(\.rawValue)
    )
    .show(text, json: output.json)
  }
}

/// What `pool start` and `pool stop` print.
struct PoolActionOutput: Encodable {
  var pool: String
  var action: String
  var whatIf: Bool
  var servers: [String]

  func show(_ text: String, json: Bool) throws {
    Terminal.write(json ? try JSONText.document(self) : text + "\n")
  }
}

extension Result where Failure == any Error {
  /// What an asynchronous body gave or threw.
  init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
