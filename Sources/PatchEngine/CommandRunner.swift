import Foundation
import PatchRun
import PoolDriving
import PoolModel
import Synchronization
import TargetActs

/// Runs the commands of the patch section, each under the wrapper that fences it on its target.
struct CommandRunner: Sendable {
  /// One command to run.
  struct Call: Sendable {
    var kind: CommandKind
    var server: ServerName?
    var identity: ActIdentity
    var attempt: Int
    var within: Duration
  }

  let step: PatchStep
  let pool: PoolName
  let target: String?
  /// Each server's version when the plan was made.
  let before: [ServerName: String]
  let log: RunLog

  func has(_ kind: CommandKind) -> Bool { step.commands[kind] != nil }

  /// Runs a command; the answer is the event that the machine gets.
  func run(_ call: Call, emitter: Emitter) async -> MachineEvent {
    let sequence = call.identity.sequence
    func failed(_ kind: ActFailure.Kind, _ message: String) -> MachineEvent {
      .failed(sequence: sequence, ActFailure(kind, message))
    }
    guard step.commands[call.kind] != nil else {
      return failed(.hopeless, "there is no \(call.kind.rawValue) command")
    }
    var bootID: String?
    if call.kind == .reboot {
      switch await mayReboot(call) {
      case .success(let id): bootID = id
      case .failure(let failure): return .failed(sequence: sequence, failure)
      }
    }
    let last = Mutex("")
    let (ending, _) = await perform(call) { line in
      last.withLock { if !line.isEmpty { $0 = line } }
      emitter.tell(.output, server: call.server, phase: nil, line)
    }
    switch ending {
    case .exited(0) where bootID != nil:
      if await hasRebooted(call, since: bootID) { return .succeeded(sequence: sequence, .done) }
      return failed(.failed, "the boot id did not change within \(call.within.text)")
    case .unreachable(let why):
      // A machine that goes down takes the connection with it.
      guard bootID != nil else { return failed(.unreachable, why) }
      if await hasRebooted(call, since: bootID) { return .succeeded(sequence: sequence, .done) }
      return failed(.failed, "\(why), and the boot id did not change within \(call.within.text)")
    case .denied(let why): return failed(.failed, why)
    case .exited(0): return .succeeded(sequence: sequence, .done)
    case .exited(let code) where call.kind == .apply && step.rebootExitCodes.contains(code):
      return .succeeded(sequence: sequence, .rebootNeeded)
    case .fenced(let why):
      return failed(.fenced, "a newer coordinator acts on \(call.server?.rawValue ?? "the pool"): \(why)")
    case .busy(let why): return failed(.failed, why)
    case .exited(let code):
      let said = last.withLock { $0 }
      return failed(.failed, "exit code \(code)" + (said.isEmpty ? "" : ": \(said)"))
    case .signaled(let signal): return failed(.failed, "killed by signal \(signal)")
    case .timedOut: return failed(.failed, "took longer than \(call.within.text) and was killed")
    case .notStarted(let why): return failed(.failed, "could not be started: \(why)")
    case .cancelled: return failed(.failed, "was interrupted")
    }
  }

  /// Whether a server's machine may be restarted: it is not the one that this run runs on, and it tells its boot id, which
  /// is the only proof there will be.
  private func mayReboot(_ call: Call) async -> Result<String, ActFailure> {
    let refusal = "a reboot of the machine that runs the patch run is refused"
    if call.server == step.ownServer { return .failure(ActFailure(.hopeless, refusal)) }
    guard has(.bootID) else {
      return .failure(ActFailure(.hopeless, "a reboot cannot be proven: there is no boot-id command"))
    }
    guard let id = await bootID(call) else {
      return .failure(ActFailure(.failed, "the boot-id command tells no boot id"))
    }
    if let own = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8),
      own.trimmingCharacters(in: .whitespacesAndNewlines) == id
    {
      return .failure(ActFailure(.hopeless, refusal + " (it has the same boot id)"))
    }
    return .success(id)
  }

  /// The boot id of a server's machine; `nil` without a `boot-id` command, or while it does not answer.
  private func bootID(_ call: Call) async -> String? {
    guard has(.bootID) else { return nil }
    var ask = call
    ask.kind = .bootID
    let (ending, output) = await perform(ask, fenced: false) { _ in }
    let first = output.split(separator: "\n").first.map(String.init)?.trimmingCharacters(in: .whitespaces)
    guard ending == .exited(0), let first, !first.isEmpty else { return nil }
    return first
  }

  /// Asks until the machine tells another boot id than before.
  private func hasRebooted(_ call: Call, since before: String?) async -> Bool {
    let end = ContinuousClock.now + call.within
    while ContinuousClock.now < end, !Task.isCancelled {
      if let now = await bootID(call), now != before { return true }
      try? await Task.sleep(for: .seconds(1))
    }
    return false
  }

  /// A server's version as the `version` command prints it on its first line.
  func version(of server: ServerName, identity: ActIdentity, within: Duration)
    async throws(PoolDriverError) -> String?
  {
    let call = Call(kind: .version, server: server, identity: identity, attempt: 1, within: within)
    let (ending, output) = await perform(call, fenced: false) { _ in }
    guard ending == .exited(0) else {
      let said = output.split(separator: "\n").last.map { ": \($0)" } ?? ""
      throw PoolDriverError(
        .unreachable,
        "the version command for \(server) \(ending.text)\(said)"
      )
    }
    let first = output.split(separator: "\n").first.map(String.init)?.trimmingCharacters(in: .whitespaces)
    guard let first, !first.isEmpty else { return nil }
    guard first.utf8.count <= 64, first.allSatisfy({ $0.isASCII && !$0.isWhitespace }) else {
      throw PoolDriverError(
        .failed,
        "the version command for \(server) printed no version: '\(String(first.prefix(80)))'"
      )
    }
    return first
  }

  private func perform(_ call: Call, fenced: Bool = true, line: @escaping @Sendable (String) -> Void) async
    -> (ActEnding, String)
  {
    guard let command = step.commands[call.kind] else { return (.notStarted("no such command"), "") }
    let head = Mutex("")
    let name = "\(call.server.map { "\($0) " } ?? "")\(call.kind.rawValue)"
    log.write("--- \(name), act \(call.identity), try \(call.attempt): \(command.line)")
    let process = TargetCommand(
      command.line,
      environment: environment(call),
      directory: call.server.flatMap { directory(of: $0) },
      timeout: call.within,
      fence: fenced ? fence(call) : nil,
      host: host(call)
    )
    let ending = await process.run { text in
      head.withLock { if $0.utf8.count < 4_096 { $0 += text.prefix(4_096) + "\n" } }
      log.write(text)
      line(text)
    }
    log.write("--- \(name): \(ending)")
    return (ending, head.withLock { $0 })
  }

  private func environment(_ call: Call) -> [String: String] {
    var values = step.environment
    values["QUORATE_POOL"] = pool.rawValue
    values["QUORATE_POOL_FILE"] = step.poolFile ?? ""
    values["QUORATE_RUN"] = call.identity.run
    values["QUORATE_ACT"] = "\(call.identity.sequence)"
    values["QUORATE_ATTEMPT"] = "\(call.attempt)"
    values["QUORATE_STEP"] = call.kind.rawValue
    values["QUORATE_TARGET_VERSION"] = target ?? step.target ?? ""
    if let server = call.server {
      values["QUORATE_SERVER"] = server.rawValue
      let host = host(call)
      values["QUORATE_SERVER_DIR"] = host == nil ? step.directories[server] ?? "" : host?.directory ?? ""
      values["QUORATE_OLD_VERSION"] = before[server] ?? ""
    }
    return values
  }

  private func directory(of server: ServerName) -> String? {
    step.directories[server].flatMap { isDirectory($0) ? $0 : nil }
  }

  /// The fence that the driver's stop and start go through too; `nil` when there is no place for it.
  private func fence(_ call: Call) -> TargetFence? {
    (host(call)?.stateDirectory ?? step.stateDirectory).map {
      TargetFence(in: $0, pool: pool, server: call.server, act: call.identity)
    }
  }

  /// The machine that a command runs on; `nil` for this one, where hooks run.
  private func host(_ call: Call) -> SSHHost? {
    switch call.kind {
    case .beforeRun, .afterRun, .beforeServer, .afterServer: nil
    default: call.server.flatMap { step.hosts[$0] }
    }
  }

  private func isDirectory(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
  }
}
