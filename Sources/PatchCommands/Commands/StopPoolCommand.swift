import ArgumentParser
import FrontEndPoolDriver
import PatchRun
import PoolDriving
import PoolFile
import PoolModel
import ServerControl

/// `quorate pool stop`.
struct StopPoolCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop",
    abstract: "Stop the servers of a pool. Without --server the whole pool stops serving.",
    discussion: """
      One server that is in service is not stopped this way (exit code 77): fail it over first, which asks the gates. \
      --force --reason TEXT goes over that.
      """
  )

  @OptionGroup var pool: PoolArgument
  @OptionGroup var choice: ServerChoice
  @OptionGroup var force: ForceOptions
  @OptionGroup var output: OutputOptions

  @Option(help: ArgumentHelp("How long a server may take to end before it is killed.", valueName: "time"))
  var waitTime = DurationArgument(.seconds(40))

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  func run() async throws {
    let file = try PoolConnection.file(pool.pool)
    let servers = try choice.servers(of: file)
    let control = try PoolServerControl(file)
    if !choice.servers.isEmpty, !force.force { try await refuseInService(servers, file, control) }
    let names = servers.map(\.rawValue).joined(separator: ", ")
    let shown = PoolActionOutput(
      pool: file.pool.rawValue,
      action: "stop",
      whatIf: whatIf,
      servers: servers.map(\.rawValue)
    )
    if whatIf { return try shown.show("would stop \(names)", json: output.json) }
    try await PoolProcesses(control).stop(servers, deadline: .now + waitTime.value)
    try shown.show("stopped \(names)", json: output.json)
  }

  /// A single server goes out through the gates, or not at all.
  private func refuseInService(_ servers: [ServerName], _ file: PoolFile, _ control: PoolServerControl)
    async throws
  {
    var running: [ServerName] = []
    for server in servers where try await control.isRunning(server) { running.append(server) }
    if running.isEmpty { return }
    let state: FabricState
    do {
      state = try await PoolConnection.with(file.path) { try await $0.driver.fabricState() }
    } catch {
      throw CommandFailure(
        .refused,
        "whether \(running.map(\.rawValue).joined(separator: ", ")) may stop cannot be told: \(CommandFailure(error).message); "
          + "to stop it all the same: --force --reason TEXT"
      )
    }
    let serving = running.filter { name in
      state.server(name).map { $0.isUp && $0.service.isInService } ?? false
    }
    guard let first = serving.first else { return }
    throw CommandFailure(
      .refused,
      "\(serving.map(\.rawValue).joined(separator: ", ")) is in service; move its services off first: quorate failover \(first) "
        + "(or stop it all the same: --force --reason TEXT)"
    )
  }
}
