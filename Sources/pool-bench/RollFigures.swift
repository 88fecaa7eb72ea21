import FoundationEssentials
import Glibc
import PatchRun
import PoolDemo
import SIPClient

/// The same roll of a real pool by `quorate patch` and by an Ansible playbook, in turn: what each adds to the pool's and the
/// patch's own work, and how often primaries move (issue 4).
struct RollFigures {
  let programs: PoolSandbox.Programs
  /// `ansible-playbook`.
  let ansible: String
  /// The directory of the playbook.
  let directory: String

  private struct Roll {
    /// From the start of the command to its end.
    var wall: Double
    /// Of that, in the pool's and the patch's own work.
    var work: Double
    /// How often primaries moved.
    var moves: Int
    var overhead: Double { wall - work }
  }

  /// Rolls the demo's pool to and fro, each way `rounds` times.
  func show(rounds: Int) async throws -> Bool {
    try await PoolSandbox.started("rolls", programs: programs) { try await compare($0, rounds) }
  }

  private func compare(_ pool: PoolSandbox, _ rounds: Int) async throws -> Bool {
    var (ours, theirs): ([Roll], [Roll]) = ([], [])
    var plan = MoveForecast.none
    for _ in 0..<rounds {
      let (roll, moves) = try await quorate(pool)
      ours.append(roll)
      plan = moves
      theirs.append(try await playbook(pool))
    }
    func median(_ rolls: [Roll], _ value: (Roll) -> Double) -> Double {
      rolls.map(value).sorted()[rolls.count / 2]
    }
    let (own, other) = (median(ours, \.overhead), median(theirs, \.overhead))
    say(
      "| roll of three servers, median of \(rounds) | whole | own work of pool and patch | overhead | primary moves |"
    )
    say("| --- | --- | --- | --- | --- |")
    for (name, rolls) in [("`quorate patch`", ours), ("Ansible, `serial: 1`", theirs)] {
      let moves = Set(rolls.map(\.moves)).sorted().map { "\($0)" }.joined(separator: ", ")
      say(
        "| \(name) | \(median(rolls, \.wall).shown) ms | \(median(rolls, \.work).shown) ms "
          + "| \(median(rolls, \.overhead).shown) ms | \(moves) |"
      )
    }
    say("Overhead: Ansible \((other / own).shown) times that of Quorate (bound: at least 5).")
    say(
      "Primary moves: planned \(plan.total), floor \(plan.floor) (\(plan.why ?? "")), naive by the plan \(plan.naive)."
    )
    let isFloor = ours.allSatisfy { $0.moves == plan.floor } && plan.total == plan.floor
    if !isFloor { say("NOT MET: moves are not the floor: \(ours.map(\.moves))") }
    return isFloor && other >= 5 * own
  }

  private func target(_ pool: PoolSandbox) async throws -> String {
    let versions = Set(
      try await pool.wait("the pool to be healthy") { $0.healthy }.servers.compactMap(\.version)
    )
    return versions == [pool.version] ? pool.nextVersion : pool.version
  }

  private func generations(_ pool: PoolSandbox) async throws -> Int {
    Int(try await pool.state()?.groups.reduce(0) { $0 + $1.generation } ?? 0)
  }

  /// Work: the fail-overs, stops, patches, starts and fail-backs. Not: gates, versions, records, evening out, the process.
  private func quorate(_ pool: PoolSandbox) async throws -> (Roll, MoveForecast) {
    try pool.writePoolFile(target: try await target(pool))
    let before = try await generations(pool)
    let result = try await pool.must("patch", pool.poolFile, "--json", within: .seconds(120))
    let report = try JSONDecoder().decode(RunReport.self, from: Data(result.output.utf8))
    let acts: Set<ServerPhase> = [.failOver, .stop, .apply, .start, .failBack]
    let work = report.servers.flatMap(\.steps).filter { acts.contains($0.phase) }
      .reduce(Duration.zero) { $0 + ($1.took ?? .zero) }
    let moves = try await generations(pool) - before
    return (
      Roll(wall: result.took.inMilliseconds, work: work.inMilliseconds, moves: moves), report.plan.moves
    )
  }

  /// Work: the time inside the commands, as the wrapper `timed.sh` noted it.
  private func playbook(_ pool: PoolSandbox) async throws -> Roll {
    let target = try await target(pool)
    try pool.writePoolFile(target: target)
    let log = "\(pool.root)/timed.log"
    unlink(log)
    let inventory = "\(pool.root)/inventory"
    // Its own interpreter: looking for one would cost it time.
    let python = ansible.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/python"
    let lines = pool.servers.map { "\($0.name) http_port=\($0.http) ansible_python_interpreter=\(python)" }
    try Data((["[pool]"] + lines + [""]).joined(separator: "\n").utf8).write(to: URL(filePath: inventory))
    let before = try await generations(pool)
    let command = try SpawnedCommand(
      ansible,
      ["-i", inventory, "\(directory)/roll.yaml"],
      logs: pool.logs,
      tag: "ansible",
      environment: [
        "QUORATE": programs.quorate, "POOL": pool.poolFile, "POOL_DIR": pool.root, "TARGET": target,
        "TIMED": "\(directory)/timed.sh", "TIMED_LOG": log, "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
      ]
    )
    let result = await command.end(within: .seconds(200))
    guard result.exitCode == 0 else {
      throw BenchError("the playbook failed: \(result.description.suffix(3000))")
    }
    let text = try String(contentsOfFile: log, encoding: .utf8)
    let work = text.split(separator: "\n").compactMap { Double($0.split(separator: " ").first ?? "") }.reduce(
      0,
      +
    )
    let moves = try await generations(pool) - before
    let state = try await pool.wait("the pool to be healthy") { $0.healthy }
    guard state.servers.allSatisfy({ $0.version == target }) else {
      throw BenchError("the playbook did not patch")
    }
    return Roll(wall: result.took.inMilliseconds, work: work / 1e6, moves: moves)
  }
}
