import KillSweep
import PatchRun
import PoolDemo
import SIPClient

/// kill -9 of the real `quorate patch` after each journal record in turn (issue 4): one row for each.
struct KillFigures {
  let programs: PoolSandbox.Programs

  /// Prints the table; gives how many kills had a problem.
  /// - Parameters:
  ///   - step: every how many records one is killed at.
  ///   - random: how many servers, and process groups, are killed at records drawn by chance besides.
  func show(step: Int, random: Int) async throws -> Int {
    try await PoolSandbox.started("kills", programs: programs) { pool in
      let client = try await PoolClient.start(
        ClientConfiguration(
          servers: pool.endpoints,
          domain: pool.layout.domain,
          users: 500,
          seed: UInt64.random(in: 1...0xffff_ffff)
        )
      )
      guard await client.register() == 500 else { throw BenchError("not all users could register") }
      let wrong = try await sweep(pool, client, step, random)
      await client.close()
      return wrong
    }
  }

  private func sweep(_ pool: PoolSandbox, _ client: PoolClient, _ step: Int, _ random: Int) async throws
    -> Int
  {
    let sweep = try await KillSweep(pool, client)
    say(
      "| n | killed | records then | the last of them | resumed | end | moves, floor | failed | lost | took | longest gap |"
    )
    say("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    var (number, kills, wrong, requests) = (1, 0, 0, 0)
    var seen: Set<Int> = []
    func take(_ victim: KillSweep.Victim, _ name: String, at number: Int) async throws -> Bool {
      guard let outcome = try await sweep.kill(victim, at: number) else { return false }
      kills += 1
      requests += outcome.statistics.requests
      seen.insert(outcome.written)
      if !outcome.problems.isEmpty { wrong += 1 }
      row(outcome, name)
      return true
    }
    while try await take(.coordinator, "coordinator", at: number) { number += step }
    let length = number
    for _ in 0..<random {
      _ = try await take(.group, "its process group", at: Int.random(in: 1..<length))
      let server = "fe\(Int.random(in: 1...3))"
      _ = try await take(.server(server), server, at: Int.random(in: 1..<length))
    }
    await sweep.close()
    say("")
    say(
      "\(kills) kills, \(seen.count) different lengths of the journal, \(requests) requests, \(wrong) with a problem."
    )
    return wrong
  }

  private func row(_ outcome: KillSweep.Outcome, _ victim: String) {
    let end = outcome.problems.isEmpty ? "patched, healthy" : outcome.problems.joined(separator: "; ")
    say(
      "| \(outcome.asked) | \(victim) | \(outcome.written) | \(outcome.last.brief) | \(outcome.resumes) x | \(end) "
        + "| \(outcome.moves.map { "\($0)" } ?? "?"), \(outcome.floor) | \(outcome.statistics.failed) "
        + "| \(outcome.audit.acknowledged - outcome.audit.present) of \(outcome.audit.acknowledged) "
        + "| \(outcome.took.inMilliseconds.shown) ms | \((Double(outcome.statistics.longestGap) / 1e6).shown) ms |"
    )
  }
}
