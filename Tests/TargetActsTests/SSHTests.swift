import Foundation
import PoolModel
import Synchronization
import Testing

@testable import TargetActs

/// Acts on a machine that is reached over a real ssh.
@Suite(
  .serialized,
  .timeLimit(.minutes(5)),
  .enabled(if: getuid() == 0 && access("/usr/sbin/sshd", X_OK) == 0)
)
struct SSHTests {
  private func command(
    _ line: String,
    _ host: SSHHost,
    generation: UInt64? = 3,
    timeout: Duration = .seconds(30)
  ) -> TargetCommand {
    let fence = generation.map { generation in
      TargetFence(
        in: host.stateDirectory,
        pool: PoolName("p"),
        server: ServerName("fe1"),
        act: ActIdentity(run: "run", sequence: 1, generation: generation)
      )
    }
    return TargetCommand(
      line,
      environment: ["QUORATE_SERVER": "fe'1"],
      timeout: timeout,
      fence: fence,
      host: host
    )
  }

  private func run(_ command: TargetCommand) async -> (ActEnding, [String]) {
    let lines = Mutex<[String]>([])
    let ending = await command.run { text in lines.withLock { $0.append(text) } }
    return (ending, lines.withLock { $0 })
  }

  /// What an ending that is the connection's says.
  private func denied(_ ending: ActEnding) -> String? {
    if case .denied(let why) = ending { why } else { nil }
  }

  private func pid(_ file: String) -> pid_t {
    let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
    return pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
  }

  /// Whether a process is no more, or waits only for being reaped.
  private func isGone(_ process: pid_t) -> Bool {
    let stat = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    return stat.isEmpty || stat.components(separatedBy: ") ").last?.first == "Z"
  }

  private func eventually(_ condition: () -> Bool) async -> Bool {
    for _ in 0..<500 {
      if condition() { return true }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  @Test func commandsShareOneConnectionAndAreFencedThere() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    let (ending, lines) = await run(
      command("echo \"$QUORATE_SERVER\" \"it's  here\"; echo two >&2; exit 7", server.host)
    )
    #expect(ending == .exited(7))
    #expect(lines == ["fe'1 it's  here", "two"])
    // 255 is what ssh ends with when it fails; here it is the command's own.
    #expect(await run(command("exit 255", server.host)).0 == .exited(255))
    for _ in 0..<3 { #expect(await run(command("true", server.host)).0 == .exited(0)) }
    let (unfenced, version) = await run(command("cat; echo 1.2", server.host, generation: nil))
    #expect(unfenced == .exited(0) && version == ["1.2"])
    guard case .fenced = await run(command("touch \(server.directory)/acted", server.host, generation: 2)).0
    else {
      Issue.record("an older act was let in")
      return
    }
    #expect(!FileManager.default.fileExists(atPath: server.directory + "/acted"))
    #expect(server.log.components(separatedBy: "Accepted publickey").count == 2)
  }

  @Test func aCommandThatHangsIsKilledThere() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    let line =
      "setsid sh -c 'echo $$ > \(server.directory)/child; exec sleep 300' & echo $$ > \(server.directory)/pid; sleep 300"
    let (ending, _) = await run(command(line, server.host, timeout: .seconds(2)))
    #expect(ending == .timedOut)
    let (parent, child) = (pid(server.directory + "/pid"), pid(server.directory + "/child"))
    #expect(parent > 1 && child > 1)
    #expect(await eventually { isGone(parent) && isGone(child) })
    #expect(await run(command("true", server.host)).0 == .exited(0))
  }

  @Test func aCommandThatIsCancelledIsKilledThere() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    let command = command("echo $$ > \(server.directory)/pid; sleep 300", server.host, timeout: .seconds(300))
    let task = Task { await command.run { _ in } }
    #expect(await eventually { pid(server.directory + "/pid") > 1 })
    task.cancel()
    #expect(await task.value == .cancelled)
    let process = pid(server.directory + "/pid")
    #expect(await eventually { isGone(process) })
  }

  @Test func aNewerActEndsAnOlderOneThere() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    let old = command("echo $$ > \(server.directory)/pid; sleep 300", server.host, timeout: .seconds(300))
    let task = Task { await old.run { _ in } }
    #expect(await eventually { pid(server.directory + "/pid") > 1 })
    #expect(await run(command("true", server.host, generation: 4)).0 == .exited(0))
    #expect(await task.value != .exited(0))
    #expect(isGone(pid(server.directory + "/pid")))
  }

  @Test func aMegabyteComesThrough() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    let (ending, lines) = await run(
      command("head -c 1048576 /dev/zero | tr '\\0' x; echo; echo end", server.host)
    )
    #expect(ending == .exited(0))
    #expect(lines.reduce(0) { $0 + $1.utf8.count } == 1_048_576 + 3)
    #expect(lines.last == "end")
  }

  @Test func aHostKeyThatChangedOrIsUnknownIsRefused() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    try server.know(key: "stranger")
    #expect(
      denied(await run(command("true", server.host)).0)?.contains("is not the one that is known") == true
    )
    try server.know(key: nil)
    #expect(denied(await run(command("true", server.host)).0)?.contains("is not known") == true)
    #expect(!server.log.contains("Accepted"))
    try server.know(key: "host")
    #expect(await run(command("true", server.host)).0 == .exited(0))
  }

  @Test func aLoginThatIsRefusedIsSaid() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    try server.configure(identity: "stranger")
    #expect(denied(await run(command("true", server.host)).0)?.contains("refused the login") == true)
  }

  @Test func aHostThatDoesNotAnswerIsUnreachable() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    try server.configure(identity: "user", port: try SSHServer.freePort())
    guard case .unreachable(let why) = await run(command("true", server.host)).0 else {
      Issue.record("it was reached")
      return
    }
    #expect(why.contains("Connection refused"))
  }

  @Test func aSudoThatAsksIsRefused() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    var host = server.host
    host.sudo = true
    try server.install("sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    #expect(denied(await run(command("true", host)).0)?.contains("without a password") == true)
    try server.install("sudo", "#!/bin/sh\n[ \"$1\" = -n ] || exit 9\nshift\nexec \"$@\"\n")
    #expect(await run(command("true", host)).0 == .exited(0))
  }

  @Test func aConnectionThatWasLostIsUnreachableAndAnewOneIsOpened() async throws {
    let server = try SSHServer()
    defer { server.stop() }
    // The connection's own sshd dies, as if the link were cut.
    let parent = "P=$(sed 's/.*) . //; s/ .*//' \"/proc/$P/stat\")"
    let line = "P=$$; until [ \"$(cat /proc/$P/comm)\" = sshd ]; do \(parent); done; kill -9 $P; sleep 30"
    let (ending, _) = await run(command(line, server.host, generation: nil))
    guard case .unreachable = ending else {
      Issue.record("it ended with \(ending)")
      return
    }
    #expect(await run(command("true", server.host)).0 == .exited(0))
  }
}
