import FrontEndPoolDriver
import PatchEngine
import PatchRun
import PoolDriving
import PoolFile
import PoolModel
import ServerControl

/// Changes of a pool that are no runs: servers added and removed, replicas rebuilt. They compose the engine's gated verbs
/// with the driver's administration.
struct PoolChange {
  let connection: PoolConnection
  let act: ActOptions
  let output: OutputOptions
  /// The operator's reason to go over objections.
  var force: String?

  /// What is printed with `--json`.
  private struct Outcome: Encodable {
    var pool = ""
    var change: String
    var whatIf = false
    var server: String?
    var replicasRebuilt: Int?
    var groupsPlaced: [String]?
  }

  private var administration: PoolAdministration { PoolAdministration(connection.driver) }

  /// `reset --type full-reset`.
  func rebuildAll() async throws {
    if act.whatIf {
      let state = try await connection.driver.fabricState()
      let count = state.groups.reduce(0) { $0 + $1.replicas.count }
      return try tell("would rebuild \(count) replicas, one server at a time", Outcome(change: "full-reset"))
    }
    let deadline = ContinuousClock.now + act.waitTime.value
    let rebuilt = try await AdministrativeAct.perform(connection, reason: "full reset") { act in
      try await administration.fullReset(act: act, deadline: deadline, progress: line("pool"))
    }
    var outcome = Outcome(change: "full-reset")
    outcome.replicasRebuilt = rebuilt
    try tell("rebuilt \(rebuilt) replicas; primaries are even", outcome)
  }

  /// `reset --type machine-state-removed`: the server is gone for good.
  func removeLost(_ name: ServerName) async throws {
    let server = try await known(name)
    try await remove(server, change: "machine-state-removed")
  }

  /// `server remove`: fails the server over through the gates when it runs, stops it, and removes it.
  func removeGated(_ name: ServerName) async throws {
    let server = try await known(name)
    let state = try await connection.driver.fabricState().server(server)
    if let state, state.isUp {
      let options = FailOverOptions(
        waitTime: act.waitTime.value,
        drainTime: connection.file.drainTime,
        force: force,
        whatIf: act.whatIf
      )
      let display = ProgressDisplay(output)
      let report = try await display.during {
        try await connection.engine.failOver(server, options) { display.show($0) }
      }
      if report.exitCode != .done || act.whatIf {
        try RunOutput.show(report, output)
        return try RunOutput.end(report.exitCode)
      }
    }
    try await remove(server, change: "server-remove")
  }

  private func remove(_ server: ServerName, change: String) async throws {
    var outcome = Outcome(change: change)
    outcome.server = server.rawValue
    if act.whatIf {
      return try tell("would remove server \(server) and place its replicas elsewhere", outcome)
    }
    let deadline = ContinuousClock.now + act.waitTime.value
    let report = try await AdministrativeAct.perform(connection, reason: change) { act in
      try await administration.removeServer(
        server,
        act: act,
        deadline: deadline,
        progress: line(server.rawValue)
      )
    }
    outcome.groupsPlaced = report.groups.map(\.description)
    let advice = connection.file.server(server) == nil ? "" : "; now delete it from \(connection.file.path)"
    try tell("removed server \(server); \(report.groups.count) groups were placed anew\(advice)", outcome)
  }

  /// `server add`: the server stands in the pool file already.
  func add(_ name: ServerName) async throws {
    guard let server = connection.file.server(name) else {
      throw CommandFailure(
        .usage,
        "\(connection.file.path) has no server '\(name)'; write it into the file first, then add it"
      )
    }
    var outcome = Outcome(change: "server-add")
    outcome.server = name.rawValue
    if act.whatIf {
      return try tell("would add server \(name), start it, and move replicas to it", outcome)
    }
    let deadline = ContinuousClock.now + act.waitTime.value
    try await AdministrativeAct.perform(connection, reason: "server add") { act in
      try await administration.addServer(name, upgradeDomain: server.upgradeDomain, act: act)
    }
    if case .supervised = server.service { try ReleaseChoice(connection.file).prepare(name) }
    try await connection.control.start(name, act: nil, deadline: deadline)
    try await PoolWait(connection: connection, deadline: deadline).untilPlaced(
      on: name,
      progress: line(name.rawValue)
    )
    let moved = try await AdministrativeAct.perform(connection, reason: "server add") { act in
      try await connection.driver.even(act: act, deadline: deadline, progress: line(name.rawValue))
    }
    try tell("added server \(name); its replicas are up, \(moved) primaries were moved", outcome)
  }

  private func known(_ name: ServerName) async throws -> ServerName {
    let state = try await connection.driver.fabricState()
    if let server = state.server(name) { return server.name }
    let file = connection.file
    if let server = file.serverAnswering(to: name.rawValue), state.server(server.name) != nil {
      return server.name
    }
    let names = state.servers.map(\.name.rawValue).joined(separator: ", ")
    throw CommandFailure(.usage, "pool \(file.pool) has no server '\(name)'; its fabric has \(names)")
  }

  private func line(_ subject: String) -> @Sendable (DriverProgress) -> Void {
    let silent = output.progress == .none
    let json = output.json
    return { progress in
      if silent { return }
      let text = "\(subject)  \(progress.message)\n"
      if json { Terminal.writeError(text) } else { Terminal.write(text) }
    }
  }

  private func tell(_ text: String, _ outcome: Outcome) throws {
    var outcome = outcome
    outcome.pool = connection.file.pool.rawValue
    outcome.whatIf = act.whatIf
    Terminal.write(output.json ? try JSONText.document(outcome) : text + "\n")
  }
}
