import ArgumentParser
import PatchEngine
import PatchRun
import PoolFile
import PoolModel

/// `quorate reset`: step 1b of the procedure. No reset ever deletes bindings, users or out-marks.
struct ResetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reset",
    abstract:
      "Recover a pool: from quorum loss, by restarting servers, by rebuilding replicas, or without a lost server.",
    discussion: """
      quorum-loss-recovery: declare replicas on servers that are gone lost, and rebuild the groups in quorum loss, and only \
      those, from the fabric store.
      service-reset: restart the servers one at a time, each through the gates.
      full-reset: rebuild every replica from the fabric store.
      machine-state-removed: take a server that is lost for good out of the pool and place its replicas elsewhere.
      """
  )

  @OptionGroup var pool: PoolArgument

  @Option(help: ArgumentHelp("What to do: \(ResetType.names).", valueName: "type"))
  var type: ResetType

  @Option(help: ArgumentHelp("The lost server, with machine-state-removed.", valueName: "server"))
  var server: String?

  @Flag(help: "With service-reset: restart all servers together. An outage; needs --force --reason.")
  var allAtOnce = false

  @Flag(help: "Do not ask.")
  var yes = false

  @OptionGroup var act: ActOptions
  @OptionGroup var force: ForceOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (server != nil) == (type == .machineStateRemoved) else {
      throw ValidationError("--server goes with --type machine-state-removed, and only with it.")
    }
    if allAtOnce, type != .serviceReset {
      throw ValidationError("--all-at-once goes with --type service-reset.")
    }
    if allAtOnce, !force.force {
      throw ValidationError("--all-at-once is an outage: it needs --force --reason TEXT.")
    }
  }

  func run() async throws {
    try await PoolConnection.with(pool.pool, verbose: output.verbose) { connection in
      let name = connection.file.pool
      try Prompt.confirm("\(question(name.rawValue))", isAnswered: yes || act.whatIf)
      switch type {
      case .quorumLossRecovery:
        let options = RecoverOptions(waitTime: act.waitTime.value, whatIf: act.whatIf)
        try await RunOutput.run(output) { try await connection.engine.recover(options, progress: $0) }
      case .serviceReset where allAtOnce:
        try await PoolRestart(connection: connection, act: act, output: output).allAtOnce(
          reason: force.word ?? ""
        )
      case .serviceReset:
        let options = RestartOptions(
          waitTime: act.waitTime.value,
          drainTime: connection.file.drainTime,
          force: force.word,
          whatIf: act.whatIf
        )
        try await RunOutput.run(output) { try await connection.engine.restartOneByOne(options, progress: $0) }
      case .fullReset:
        try await PoolChange(connection: connection, act: act, output: output, force: force.word).rebuildAll()
      case .machineStateRemoved:
        try await PoolChange(connection: connection, act: act, output: output, force: force.word)
          .removeLost(ServerName(server ?? ""))
      }
    }
  }

  private func question(_ pool: String) -> String {
    switch type {
    case .quorumLossRecovery:
      "Declare the replicas on servers that are gone lost, and rebuild the groups of pool \(pool) in quorum loss?"
    case .serviceReset:
      "Restart the servers of pool \(pool)\(allAtOnce ? ", all together" : ", one at a time")?"
    case .fullReset: "Rebuild every replica of pool \(pool) from the fabric store?"
    case .machineStateRemoved: "Remove server \(server ?? "") from pool \(pool) for good?"
    }
  }
}

/// The types of reset, named like the original's.
enum ResetType: String, ExpressibleByArgument, CaseIterable {
  case quorumLossRecovery = "quorum-loss-recovery"
  case serviceReset = "service-reset"
  case fullReset = "full-reset"
  case machineStateRemoved = "machine-state-removed"

  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
