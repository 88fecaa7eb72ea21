import Foundation
import PoolDemo
import Testing

/// The harness itself: a test that cannot see a failure proves nothing.
@Suite("Harness") struct HarnessTests {
  private func run(_ script: String, within timeout: Duration = .seconds(10)) async throws -> CommandResult {
    let tag = "harness-\(UUID().uuidString)"
    let command = try SpawnedCommand(
      "/bin/sh",
      ["-c", script],
      logs: "/tmp",
      tag: tag,
      environment: ["COLOUR": "blue"]
    )
    let result = await command.end(within: timeout)
    for suffix in ["out", "err"] { try? FileManager.default.removeItem(atPath: "/tmp/\(tag).\(suffix)") }
    return result
  }

  @Test func exitCodeAndOutput() async throws {
    let result = try await run("echo out $COLOUR; echo err >&2; exit 77")
    #expect(result.exitCode == 77 && result.output == "out blue\n" && result.errors == "err\n")
  }

  @Test func aSignalIs128AndItsNumber() async throws {
    #expect(try await run("kill -9 $$").exitCode == 137)
  }

  @Test func whatTakesTooLongIsKilledWithItsChildren() async throws {
    let result = try await run("sleep 3142 & sleep 3142", within: .milliseconds(300))
    #expect(result.exitCode == 137 && result.took < .seconds(5))
    #expect(try await run("ps -eo args | grep -c '[s]leep 3142'").output == "0\n")
  }

  @Test func aProgramThatIsNotThere() throws {
    #expect(throws: DemoError.self) { try SpawnedCommand("/no/such/program", [], logs: "/tmp", tag: "none") }
  }
}
