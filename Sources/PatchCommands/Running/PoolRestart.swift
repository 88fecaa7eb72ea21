import PatchRun
import PoolDriving
import PoolFile
import PoolModel

/// `reset --type service-reset --all-at-once`: an outage, by the operator's word.
struct PoolRestart {
  let connection: PoolConnection
  let act: ActOptions
  let output: OutputOptions

  private struct Outcome: Encodable {
    var pool: String
    var change = "service-reset"
    var whatIf: Bool
    var servers: [String]
    var reason: String
  }

  /// Stops all servers, starts them, and waits until every group has a primary.
  func allAtOnce(reason: String) async throws {
    let servers = connection.file.servers.map(\.name)
    let names = servers.map(\.rawValue)
    let outcome = Outcome(
      pool: connection.file.pool.rawValue,
      whatIf: act.whatIf,
      servers: names,
      reason: reason
    )
    if act.whatIf {
      return Terminal.write(
        output.json
          ? try JSONText.document(outcome) : "would restart \(names.joined(separator: ", ")) together\n"
      )
    }
    let deadline = ContinuousClock.now + act.waitTime.value
    try await AdministrativeAct.perform(connection, reason: reason, forced: true) { act in
      let processes = PoolProcesses(connection.control)
      let stopBy = min(deadline, .now + .seconds(60))
      try await processes.stop(servers, act: act.identity, deadline: stopBy)
      try await processes.start(servers, act: act.identity, deadline: deadline)
      try await PoolWait(connection: connection, deadline: deadline).untilUp(servers) { _ in }
    }
    Terminal.write(
      output.json ? try JSONText.document(outcome) : "restarted \(names.joined(separator: ", "))\n"
    )
  }
}

/// Starts and stops several servers at the same time.
struct PoolProcesses {
  let control: any ServerControlling

  init(_ control: any ServerControlling) { self.control = control }

  func start(_ servers: [ServerName], act: ActIdentity? = nil, deadline: ContinuousClock.Instant)
    async throws
  {
    try await each(servers) { try await control.start($0, act: act, deadline: deadline) }
  }

  func stop(_ servers: [ServerName], act: ActIdentity? = nil, deadline: ContinuousClock.Instant)
    async throws
  {
    try await each(servers) { try await control.stop($0, act: act, deadline: deadline) }
  }

  /// All of them are tried; then the first error is thrown, with how many others there were.
  private func each(_ servers: [ServerName], _ body: @escaping @Sendable (ServerName) async throws -> Void)
    async throws
  {
    let errors = await withTaskGroup(of: (any Error)?.self) { group in
      for server in servers {
        group.addTask {
          do {
            try await body(server)
            return nil
          } catch {
            return error
          }
        }
      }
      return await group.reduce(into: [any Error]()) { errors, error in error.map { errors.append($0) } }
    }
    guard let first = errors.first else { return }
    var failure = CommandFailure(first)
    for error in errors.dropFirst() { failure.message += "\n\(CommandFailure(error).message)" }
    throw failure
  }
}
