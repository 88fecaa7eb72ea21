import Subprocess
import Synchronization
import SystemPackage

extension TargetCommand {
  /// Runs it on another machine. Its time is kept there, so that it ends although the connection was lost; here it has five
  /// seconds more.
  func run(on host: SSHHost, _ output: @escaping @Sendable (String) -> Void) async -> ActEnding {
    let directory: String
    switch ControlDirectory.path() {
    case .success(let path): directory = path
    case .failure(let error): return .notStarted(error.text)
    }
    let connection = SSHConnection(host, directory: directory)
    if let ending = await connection.open() { return ending }
    let words =
      ["-S", connection.socket, "-o", "ControlMaster=no"] + host.options + ["--", host.destination]
      + (host.sudo ? ["exec sudo -n /bin/sh -s"] : ["exec /bin/sh -s"])
    let login = Mutex(Login())
    let began = ContinuousClock.now
    let ending = await Self.start(
      Configuration(executable: .name("ssh"), arguments: Arguments(words)),
      input: SSHScript.text(self, on: host),
      timeout: timeout + .seconds(5)
    ) { text in
      if login.withLock({ $0.take(text) }) { output(text) }
    }
    let (hasBegun, hasEnded, said) = login.withLock { ($0.hasBegun, $0.hasEnded, $0.said) }
    switch ending {
    case .exited(let code) where !hasBegun: return Self.withoutShell(code, said, host)
    case .exited(255) where !hasEnded:
      return .unreachable("the connection to \(host.destination) was lost while the command ran")
    case .exited(124) where ContinuousClock.now - began >= timeout,
      .exited(137) where ContinuousClock.now - began >= timeout:
      return .timedOut
    case .timedOut, .cancelled:
      await end(on: host)
      return ending
    default: return ending
    }
  }

  /// What it means that no shell there said that it had begun.
  private static func withoutShell(_ code: Int32, _ said: String, _ host: SSHHost) -> ActEnding {
    let ending = SSHTrouble.ending(said, on: host)
    if case .unreachable = ending, code != 255 {
      return .denied("\(host.destination) gave no shell (exit code \(code)): \(said)")
    }
    return ending
  }

  /// Ends what this act still does there: an act of the same generation takes its lock from it.
  private func end(on host: SSHHost) async {
    guard let fence, fence.act != nil else { return }
    let command = TargetCommand(":", timeout: .seconds(5), fence: fence, host: host)
    // What was cancelled must still be ended.
    await Task.detached { _ = await command.run { _ in } }.value
  }
}

/// What came before the shell there had begun, and whether it has begun and ended.
private struct Login {
  var hasBegun = false
  /// Whether the exit code 255 is the command's.
  var hasEnded = false
  /// At most 4 KiB.
  var said = ""

  /// Whether the line is the command's.
  mutating func take(_ line: String) -> Bool {
    if line == SSHScript.ended { hasEnded = true }
    if hasBegun { return line != SSHScript.ended }
    if line == SSHScript.begun {
      hasBegun = true
      return false
    }
    if said.utf8.count < 4_096 { said += (said.isEmpty ? "" : "\n") + line.prefix(1_000) }
    return false
  }
}
