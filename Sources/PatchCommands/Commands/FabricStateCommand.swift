import ArgumentParser
import FabricStore
import FrontEndPoolDriver
import PatchRun
import PoolFile
import PoolModel

/// `quorate fabric-state`: step 1 of the procedure.
struct FabricStateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fabric-state",
    abstract: "Show every server and routing group of a pool, and what is missing.",
    discussion: "Exit code 0 when the pool is healthy, 1 when it is not."
  )

  @OptionGroup var pool: PoolArgument

  @Option(
    name: .customLong("server"),
    help: ArgumentHelp("Only this server and its groups; may be repeated.", valueName: "server")
  )
  var servers: [String] = []

  @Option(
    name: .customLong("routing-group"),
    help: ArgumentHelp("Only this group, as rg-7; may be repeated.", valueName: "group")
  )
  var groups: [String] = []

  @Option(
    name: .customLong("user"),
    help: ArgumentHelp(
      "Only the group of this user, as sip:alice@example.com; may be repeated.",
      valueName: "user"
    )
  )
  var users: [String] = []

  @Flag(help: "Only groups and servers that are not whole.")
  var missing = false

  @Flag(help: "Show it again each time it changes, until interrupted.")
  var watch = false

  @OptionGroup var output: OutputOptions

  // It only reads: accepted so that --what-if can stand with every command.
  @Flag(help: .hidden)
  var whatIf = false

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      let first = try await connection.driver.fabricState()
      let filter = try filter(connection, first)
      try show(first, filter, await store(connection))
      if watch { try await follow(connection, filter, first) }
      try RunOutput.end(first.isHealthy ? .done : .notGood)
    }
  }

  private func filter(_ connection: PoolConnection, _ state: FabricState) throws -> FabricStateFilter {
    var filter = FabricStateFilter()
    filter.missing = missing
    filter.servers = try servers.map { name in
      // A server that was removed from the file may still be in the fabric.
      if let known = state.server(ServerName(name)) { return known.name }
      return try connection.server(name)
    }
    filter.groups = try groups.map { text in
      guard let id = RoutingGroupID(text: text), state.group(id) != nil else {
        throw CommandFailure(
          .usage,
          "pool \(state.pool) has no routing group '\(text)'; it has rg-0 to rg-\(max(0, state.groups.count - 1))"
        )
      }
      return id
    }
    for user in users {
      let canonical = try UserAddress.canonical(user, domain: connection.file.domain)
      filter.groups.append(RoutingGroupID(addressOfRecord: canonical.utf8, groups: state.groups.count))
    }
    return filter
  }

  /// How the store itself is; a store that answered a moment ago and now does not is shown without.
  private func store(_ connection: PoolConnection) async -> StoreStateDocument? {
    guard let status = try? await connection.store.status() else { return nil }
    return StoreStateDocument(status, server: SeedPlacement(connection.file).server)
  }

  private func show(_ state: FabricState, _ filter: FabricStateFilter, _ store: StoreStateDocument?) throws {
    if output.json {
      var document = FabricStateDocument(state, filter)
      document.store = store
      Terminal.write(watch ? try JSONText.line(document) : try JSONText.document(document))
    } else {
      if watch, Terminal.isInteractive { Terminal.write("\u{1B}[H\u{1B}[2J") }
      Terminal.write(FabricStateText.render(state, filter) + (store?.text ?? ""))
    }
  }

  private func follow(_ connection: PoolConnection, _ filter: FabricStateFilter, _ first: FabricState)
    async throws
  {
    var shown = first
    while true {
      try await Task.sleep(for: .milliseconds(500))
      let state = try await connection.driver.fabricState()
      if state.servers == shown.servers, state.groups == shown.groups { continue }
      shown = state
      try show(state, filter, await store(connection))
    }
  }
}
