import FoundationEssentials
import Glibc
public import PatchRun
public import PoolDemo
import PoolModel
public import SIPClient

/// Kills real `quorate patch` processes, one after each record of the journal, and looks at what the same command makes of
/// it: on one pool of real servers under load, patched to and fro between two releases.
public final class KillSweep {
  /// What is killed with SIGKILL when the record is seen.
  public enum Victim: Hashable, Sendable {
    /// The coordinator's process alone.
    case coordinator
    /// The coordinator's process group.
    case group
    /// A Front End server's process; the coordinator lives.
    case server(String)

    var isCoordinator: Bool { if case .server = self { false } else { true } }
  }

  /// What one kill led to.
  public struct Outcome: Sendable {
    /// The record that was waited for.
    public var asked: Int
    /// How many records there were when the victim was dead.
    public var written: Int
    /// The last of them.
    public var last: JournalRecord
    /// How often `quorate patch` had to be run again.
    public var resumes: Int
    /// Moves of primaries of the whole run, and their floor by its plan.
    public var moves: Int?
    /// See `moves`.
    public var floor: Int
    /// From the kill to the end of the run.
    public var took: Duration
    /// What users saw from the run's start to its end.
    public var statistics: ClientStatistics
    /// What their bindings were at the end.
    public var audit: BindingAudit
    /// What is not as it has to be; empty when all is well.
    public var problems: [String]
  }

  private let pool: PoolSandbox
  private let client: PoolClient
  private let journal: RunJournalView
  private var target: String

  /// A sweep over a pool that runs and whose users are registered.
  public init(_ pool: PoolSandbox, _ client: PoolClient) async throws {
    self.pool = pool
    self.client = client
    journal = try await RunJournalView(pool.fabric)
    target = pool.nextVersion
  }

  /// Ends it.
  public func close() async { await journal.close() }

  private var applies: String { "\(pool.root)/applies.log" }

  /// Patches the pool to its other release and kills `victim` at record `number`. `nil` when the run ended before.
  public func kill(_ victim: Victim, at number: Int) async throws -> Outcome? {
    try pool.writePoolFile(
      apply: "echo $QUORATE_RUN $QUORATE_SERVER $QUORATE_ACT >> \(applies); \(pool.root)/install-release.sh",
      target: target
    )
    defer { target = target == pool.nextVersion ? pool.version : pool.nextVersion }
    client.begin(Workload(refreshEvery: .seconds(3), messagesPerSecond: 30))
    _ = await client.statistics(reset: true)
    let revision = try await journal.next()
    let command = try pool.spawn(["patch", pool.poolFile, "--json"])
    let (watch, journal, pool) = (Task { await command.end(within: .seconds(120)) }, journal, pool)
    let killing = Task {
      await journal.arrival(of: number, from: revision) {
        switch victim {
        case .coordinator: Glibc.kill(command.pid, SIGKILL)
        case .group: command.signal(SIGKILL)
        case .server(let server): pool.kill(server)
        }
      }
    }
    var result = await watch.value
    // A run that ended by itself was too short for this record, unless a server was killed.
    killing.cancel()
    let killed = ContinuousClock.now
    guard await killing.value, let (run, records) = try await journal.newest(), let last = records.last else {
      try await settle()
      return nil
    }
    var resumes = 0
    while result.exitCode != 0, resumes < 3 {
      resumes += 1
      result = try await pool.run("patch", pool.poolFile, "--json", within: .seconds(120))
    }
    let took = ContinuousClock.now - killed
    var problems = result.exitCode == 0 ? [] : ["exit code \(result.exitCode): \(result.errors.suffix(300))"]
    let report = try? JSONDecoder().decode(RunReport.self, from: Data(result.output.utf8))
    if let report, report.run != run, !last.isEnd { problems.append("another run went on: \(report.run)") }
    problems += try await faults(run, last, victim)
    await client.quiet()
    let (statistics, audit) = (await client.statistics(), await client.audit())
    if statistics.failed > 0 { problems.append("\(statistics.failed) requests failed") }
    if !audit.isClean {
      problems.append("\(audit.acknowledged - audit.present) bindings lost: \(audit.examples)")
    }
    return Outcome(
      asked: number,
      written: records.count,
      last: last,
      resumes: resumes,
      moves: report?.movesActual,
      floor: report?.plan.moves.floor ?? 0,
      took: took,
      statistics: statistics,
      audit: audit,
      problems: problems
    )
  }

  /// After a run that was too short: the pool is left as it is, whole.
  private func settle() async throws {
    await client.quiet()
    try await pool.wait("the pool to be healthy") { $0.healthy }
  }

  /// What is not as the end of a run has to be.
  private func faults(_ run: String, _ last: JournalRecord, _ victim: Victim) async throws -> [String] {
    var problems: [String] = []
    let state = try await pool.wait("the pool to be healthy") { $0.healthy }
    for server in state.servers where server.version != target || server.service != "in-service" {
      problems.append("\(server.name) is \(server.service) and runs \(server.version ?? "nothing")")
    }
    let primaries = state.servers.map(\.primaries)
    // After a server's crash the pool evens out by itself, some 30 s later.
    if victim.isCoordinator, (primaries.max() ?? 0) - (primaries.min() ?? 0) > 1 {
      problems.append("primaries are \(primaries)")
    }
    if try await journal.isClaimed() { problems.append("the pool is still claimed") }
    // The patch command ran once on each server, twice at most where the coordinator died while it ran.
    let text = (try? String(contentsOfFile: applies, encoding: .utf8)) ?? ""
    let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    for server in pool.servers {
      let acts = lines.filter { $0.count == 3 && $0[0] == run && $0[1] == server.name }.map { $0[2] }
      let allowed = last.isApply(on: server.name) ? 2 : 1
      if acts.isEmpty || acts.count > allowed || Set(acts).count > 1 {
        problems.append("the patch command ran \(acts.count) times on \(server.name)")
      }
    }
    return problems
  }
}

extension JournalRecord {
  var isEnd: Bool { if case .stage(.ended) = self { true } else { false } }

  func isApply(on server: String) -> Bool {
    if case .entered(let entered, .apply, _, _) = self { entered.rawValue == server } else { false }
  }
}
