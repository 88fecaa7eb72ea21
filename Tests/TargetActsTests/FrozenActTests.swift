import Foundation
import PoolModel
import TargetActs
import Testing

/// An act that was ordered, and whose process was frozen (SIGSTOP) before it reached the lock on its target.
@Suite(.timeLimit(.minutes(2))) struct FrozenActTests {
  let directory = NSTemporaryDirectory() + "quorate-frozen-" + UUID().uuidString

  private func command(_ line: String, generation: UInt64) -> TargetCommand {
    let act = ActIdentity(run: "run-\(generation)", sequence: 4, generation: generation)
    let fence = TargetFence(in: directory, pool: PoolName("p"), server: ServerName("fe1"), act: act)
    return TargetCommand(line, timeout: .seconds(60), fence: fence)
  }

  /// Who waits for the lock: its process has the lock file open as 8, and its state is as in `/proc/<id>/stat`.
  private func waiting(_ state: Character) -> [pid_t] {
    let lock = directory + "/act-p-fe1.lock"
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return all.compactMap { pid_t($0) }.filter { process in
      let open = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/8")
      guard open.map({ ($0 as NSString).lastPathComponent }) == "act-p-fe1.lock" else { return false }
      guard open == URL(fileURLWithPath: lock).resolvingSymlinksInPath().path else { return false }
      let stat = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
      return stat.components(separatedBy: ") ").last?.first == state
    }
  }

  private func eventually(_ condition: () -> Bool) async -> Bool {
    for _ in 0..<500 {
      if condition() { return true }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  @Test func anActThatWakesUpAfterItsSuccessorActedIsRefused() async throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    // The lock is taken, so that what comes waits for it: by the test, which is no act that anybody could end.
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let held = open(directory + "/act-p-fe1.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    #expect(flock(held, LOCK_EX) == 0)
    let old = Task { await command("touch \(directory)/stopped", generation: 5).run { _ in } }
    #expect(await eventually { !waiting("S").isEmpty })
    // Frozen where it waits: the whole process group.
    let frozen = waiting("S")
    let group = getpgid(frozen[0])
    kill(-group, SIGSTOP)
    #expect(
      await eventually {
        Set(waiting("T")).isSuperset(of: frozen) && waiting("S").isEmpty && waiting("R").isEmpty
      }
    )
    close(held)
    // What was frozen while it held nothing is not killed, and holds nobody up.
    #expect(await command("touch \(directory)/returned", generation: 6).run { _ in } == .exited(0))
    kill(-group, SIGCONT)
    let ending = await old.value
    guard case .fenced(let why) = ending else {
      Issue.record("it ended with \(ending)")
      return
    }
    #expect(why.contains("generation 5 is older than 6") && why.contains("run-6/4"))
    #expect(FileManager.default.fileExists(atPath: directory + "/returned"))
    #expect(!FileManager.default.fileExists(atPath: directory + "/stopped"))
  }

  @Test func anActThatIsFrozenAsItGetsTheLockIsKilled() async throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    // A process that holds the lock as those who wait have it open, and stops there.
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let holder = Process()
    holder.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
    holder.arguments = [
      "sh", "-c",
      "exec 8>>'\(directory)/act-p-fe1.lock'; flock 8; kill -STOP $$; touch '\(directory)/stopped'",
    ]
    try holder.run()
    #expect(await eventually { !waiting("T").isEmpty })
    #expect(await command("true", generation: 6).run { _ in } == .exited(0))
    #expect(await eventually { !holder.isRunning })
    #expect(!FileManager.default.fileExists(atPath: directory + "/stopped"))
  }

  @Test func anActThatIsFrozenWhileItHoldsTheLockIsKilled() async throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let line = "echo $$ > \(directory)/begun; kill -STOP $$; touch \(directory)/stopped"
    let old = Task { await command(line, generation: 5).run { _ in } }
    #expect(await eventually { FileManager.default.fileExists(atPath: directory + "/begun") })
    #expect(await command("true", generation: 6).run { _ in } == .exited(0))
    #expect(await old.value == .signaled(9))
    #expect(!FileManager.default.fileExists(atPath: directory + "/stopped"))
  }

  @Test func whatAnActStartedInASessionOfItsOwnIsKilledToo() async throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let line = "setsid sh -c 'echo $$ > \(directory)/begun; sleep 300' & wait"
    let old = Task { await command(line, generation: 5).run { _ in } }
    var child: pid_t = 0
    #expect(
      await eventually {
        let text = (try? String(contentsOfFile: directory + "/begun", encoding: .utf8)) ?? ""
        child = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        return child > 0
      }
    )
    #expect(await command("true", generation: 6).run { _ in } == .exited(0))
    _ = await old.value
    #expect(
      await eventually {
        let stat = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)) ?? ""
        return stat.isEmpty || stat.components(separatedBy: ") ").last?.first == "Z"
      }
    )
  }

  @Test func whatBelongsToNoRunEndsNobodyAndIsNeverRefused() async throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    #expect(await command("true", generation: 9).run { _ in } == .exited(0))
    var free = command("true", generation: 1)
    free.fence?.act = nil
    #expect(await free.run { _ in } == .exited(0))
    guard case .fenced = await command("true", generation: 8).run({ _ in }) else {
      Issue.record("it lowered the generation")
      return
    }
  }
}
