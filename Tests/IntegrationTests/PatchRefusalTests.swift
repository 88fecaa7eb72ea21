import Foundation
import PoolDemo
import SIPClient
import Testing

extension IntegrationTests {
  /// Each bad input of issue 4: one clear error, the documented exit code, and every server where it was.
  @Suite("What a patch run refuses", .serialized) struct PatchRefusals {
    /// Every server in service, and not one swap since `before`.
    private func isUntouched(_ pool: PoolSandbox, since before: SandboxState) async throws {
      let after = try await pool.seen()
      #expect(after.healthy)
      #expect(after.epoch == before.epoch)
      #expect(after.groups.map(\.generation) == before.groups.map(\.generation))
    }

    @Test("contradictory options, windows that never open, floors that cannot be kept")
    func options() async throws {
      try await withPool("options", groups: 6) { pool in
        let before = try await pool.seen()
        let cases: [(words: [String], code: Int32, says: String)] = [
          (["--window", "Mon 10:00-10:00"], 64, "it never opens"),
          (["--window", "Mon 10:00-11:00 Mars/Olympus"], 64, "is no time zone"),
          (["--window", "daily 10:00-11:00", "--any-time"], 64, "--any-time"),
          (["--window", "daily 10:00-10:30", "--server-time", "1h"], 77, "the longest window is 30 min"),
          (["--plan", "--plan-file", "x.json"], 64, "--plan-file"),
          (["--max-gap", "1s", "--no-probe"], 64, "--no-probe"),
          (["--canary-soak", "1s"], 64, "--canary"),
          (["--max-failed", "-1"], 64, "--max-failed"),
          (["--plan-file", "\(pool.root)/none.json"], 65, "none.json"),
        ]
        for (words, code, says) in cases {
          let result = try await pool.spawn(["patch", pool.poolFile] + words).end(within: .seconds(20))
          #expect(result.exitCode == code, "\(result.description)")
          #expect(result.errors.contains(says), "\(result.description)")
        }
        let floor = try await pool.run("patch", pool.poolFile, "--floor", "quorate-plus-one")
        #expect(floor.exitCode == 77, "\(floor.description)")
        #expect(floor.output.contains("a pool of 3 servers can never keep the floor quorate-plus-one"))
        try await isUntouched(pool, since: before)
      }
    }

    @Test("plans of another pool, of another version, and of a pool that has changed")
    func plans() async throws {
      try await withPool("plans", groups: 6) { pool in
        let before = try await pool.seen()
        let made = try await pool.must("patch", pool.poolFile, "--plan", "--json").output
        #expect(made.contains(pool.nextVersion))
        let file = "\(pool.root)/plan.json"
        let changes: [(String, String, Int32, String)] = [
          ("\"plans\"", "\"another\"", 64, "the plan is of pool another"),
          ("\"format\" : 1", "\"format\" : 7", 64, "format 7"),
          ("\"\(pool.version)\"", "\"0.9.0\"", 77, "make a new one"),
          ("\"fingerprint\" : \"", "\"fingerprint\" : \"0", 77, "the pool has changed"),
          ("{", "[", 65, "is no plan"),
        ]
        for (old, new, code, says) in changes {
          let text = made.replacing(old, with: new)
          #expect(text != made, "the plan has no \(old)")
          try text.write(toFile: file, atomically: false, encoding: .utf8)
          let result = try await pool.run("patch", pool.poolFile, "--plan-file", file)
          #expect(result.exitCode == code, "\(result.description)")
          #expect(result.errors.contains(says), "\(result.description)")
        }
        try await isUntouched(pool, since: before)
        try made.write(toFile: file, atomically: false, encoding: .utf8)
        let done = try await pool.run("patch", pool.poolFile, "--plan-file", file, within: .seconds(60))
        #expect(done.exitCode == 0, "\(done.description)")
      }
    }

    @Test("a hook that hangs, and a version command that prints nonsense")
    func commands() async throws {
      try await withPool("commands", groups: 6) { pool in
        let before = try await pool.seen()
        let good = try String(contentsOfFile: pool.poolFile, encoding: .utf8)
        let cases: [(more: String, code: Int32, says: String)] = [
          ("timeout: 1s\n  hooks: {before-run: \"sleep 4712\"}", 75, "took longer than 1 s"),
          ("timeout: 1s\n  hooks: {before-server: \"sleep 4712\"}", 75, "took longer than 1 s"),
          ("timeout: 1s\n  stage: \"sleep 4712\"", 75, "took longer than 1 s"),
          ("version: {command: \"echo not a version at all\"}", 65, "printed no version"),
          ("version: {command: \"exit 5\"}", 69, "exit code 5"),
        ]
        for (more, code, says) in cases {
          try (good + "  \(more)\n").write(toFile: pool.poolFile, atomically: false, encoding: .utf8)
          let result = try await pool.run("patch", pool.poolFile, "--wait-time", "5s")
          #expect(result.exitCode == code, "\(more): \(result.description)")
          #expect((result.output + result.errors).contains(says), "\(more): \(result.description)")
          try await isUntouched(pool, since: before)
        }
      }
    }
  }
}
