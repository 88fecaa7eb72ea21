import ArgumentParser
import PatchRun
import Testing

@testable import PatchCommands

/// Command lines are understood, or refused with exit code 64.
@Suite struct CommandLineTests {
  private func parse<Command>(_ line: String, as type: Command.Type) throws -> Command {
    let words = line.split(separator: " ").map(String.init)
    return try #require(try QuorateCommand.parseAsRoot(words) as? Command)
  }

  @Test func whatIfStandsWithEveryCommandThatActs() throws {
    let lines = [
      "fabric-state demo", "reset demo --type full-reset", "failover fe1", "failback fe1", "patch demo",
      "init",
      "pool start demo", "pool stop demo", "server add fe4", "server remove fe4", "runs pause", "runs resume",
      "runs abort", "links install /tmp", "fabric restore demo file", "fabric backup demo file",
    ]
    for line in lines {
      #expect(throws: Never.self, "\(line)") {
        try QuorateCommand.parseAsRoot((line + " --what-if").split(separator: " ").map(String.init))
      }
    }
  }

  @Test func forceKeepsWhatIf() throws {
    let words = ["failover", "fe1", "--force", "--reason", "noon", "--what-if", "--yes"]
    let command = try #require(try QuorateCommand.parseAsRoot(words) as? FailOverCommand)
    #expect(command.act.whatIf && command.force.word == "noon")
    // The original's own bug: -Force made -WhatIf act.
    let ours = try Cmdlet.translate(["Invoke-CsComputerFailOver", "fe1", "-Force", "-WhatIf"])
    let translated = try #require(try QuorateCommand.parseAsRoot(ours) as? FailOverCommand)
    #expect(translated.act.whatIf && translated.asking.confirm)
  }

  @Test func waitTimesAreRead() throws {
    #expect(try parse("failover fe1", as: FailOverCommand.self).act.waitTime.value == .seconds(3600))
    #expect(
      try parse("failover fe1 --wait-time 90s", as: FailOverCommand.self).act.waitTime.value == .seconds(90)
    )
    #expect(
      try parse("failback fe1 --wait-time 01:30:00", as: FailBackCommand.self).act.waitTime.value
        == .seconds(5400)
    )
  }

  @Test(arguments: [
    "failover", "failover fe1 --force", "failover fe1 --reason x", "failover fe1 --wait-time soon",
    "failover fe1 --wait-time 10s --drain-time 30s", "reset demo", "reset demo --type everything",
    "reset demo --type machine-state-removed", "reset demo --type full-reset --server fe1",
    "reset demo --type service-reset --all-at-once", "patch demo --plan --plan-file x",
    "patch demo --canary -1",
    "patch demo --canary-soak 1m", "nonsense", "failback fe1 --force",
  ]) func wrongLinesAreUsageErrors(_ line: String) async {
    #expect(await QuorateProgram.execute(line.split(separator: " ").map(String.init)) == 64)
  }

  @Test func unknownPoolsAndServersHaveTheirExitCode() async throws {
    #expect(await QuorateProgram.execute(["fabric-state", "/nonexistent/pool.yaml"]) == 64)
    #expect(await QuorateProgram.execute(["cmdlet", "Get-CsPool"]) == 64)
    #expect(await QuorateProgram.execute(["version"]) == 0)
  }

  @Test func aLinkIsItsCmdlet() {
    #expect(
      QuorateProgram.arguments(["/usr/local/bin/Invoke-CsComputerFailOver", "fe1"])
        == ["cmdlet", "Invoke-CsComputerFailOver", "fe1"]
    )
    #expect(QuorateProgram.arguments(["./quorate", "patch"]) == ["patch"])
  }
}
