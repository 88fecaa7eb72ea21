import FoundationEssentials
import PatchRun
import PoolModel
import SIPClient

/// What a demo found, for people and as JSON.
struct DemoReport: Encodable, Sendable {
  /// One server's patch.
  struct Server: Encodable, Sendable {
    var name: String
    var before: String
    var after: String
    var outcome: String
    /// Steps in order, each with its milliseconds.
    var steps: [Step]
  }

  /// One step.
  struct Step: Encodable, Sendable {
    var name: String
    var milliseconds: Int64?
  }

  /// What the users saw of one kind of request.
  struct Requests: Encodable, Sendable {
    var sent: Int
    var failed: Int
    var unavailable503: Int
    var icmpErrors: Int
    var silences: Int
    var gapMedianMilliseconds: Double
    var gapP99Milliseconds: Double
    var longestGapMilliseconds: Double
    var failures: [String]

    init(_ tally: RequestTally) {
      sent = tally.begun
      failed = tally.failed
      unavailable503 = tally.unavailable
      icmpErrors = tally.unreachable
      silences = tally.silences
      gapMedianMilliseconds = Double(tally.gaps.percentile(0.5)) / 1e6
      gapP99Milliseconds = Double(tally.gaps.percentile(0.99)) / 1e6
      longestGapMilliseconds = Double(tally.gaps.longest) / 1e6
      failures = tally.failures.map { "\($0.value) x \($0.key)" }.sorted()
    }
  }

  var format = 1
  var users: Int
  var patchExitCode: Int32
  var patchSeconds: Double
  var servers: [Server]
  var primaryMoves: Int?
  var primaryMovesFloor: Int?
  var primaryMovesNaive: Int?
  var registers: Requests
  var messages: Requests
  var queries: Requests
  var retries: Int
  var messagesDelivered: Int
  var longestGapMilliseconds: Double
  var bindingsAcknowledged: Int
  var bindingsPresent: Int
  var bindingsLost: Int
  var bindingsUnanswered: Int
  var versionsRunning: [String: String]
  var examples: [String]
  var notable: [String]

  /// Nothing lost, nothing failed, everything patched.
  var isGood: Bool {
    patchExitCode == 0 && registers.failed == 0 && messages.failed == 0
      && bindingsPresent == bindingsAcknowledged
      && bindingsAcknowledged > 0
  }

  init(
    users: Int,
    patch: CommandResult,
    run: RunReport?,
    statistics: ClientStatistics,
    audit: BindingAudit,
    state: SandboxState?
  ) {
    self.users = users
    patchExitCode = patch.exitCode
    patchSeconds = patch.took.inSeconds
    servers = (run?.servers ?? []).map(Server.init)
    primaryMoves = run?.movesActual
    primaryMovesFloor = run?.plan.moves.floor
    primaryMovesNaive = run?.plan.moves.naive
    registers = Requests(statistics.registers)
    messages = Requests(statistics.messages)
    queries = Requests(statistics.queries)
    retries = statistics.retries
    messagesDelivered = statistics.messagesDelivered
    longestGapMilliseconds = Double(statistics.longestGap) / 1e6
    bindingsAcknowledged = audit.acknowledged
    bindingsPresent = audit.present
    bindingsLost = audit.lost
    bindingsUnanswered = audit.unanswered
    versionsRunning = [:]
    for server in state?.servers ?? [] { versionsRunning[server.name] = server.version ?? "?" }
    examples = audit.examples
    notable = statistics.notable.prefix(6).map {
      let failure = $0.failure.map { ", failed: \($0)" } ?? ""
      let at = Double($0.began) / 1e9
      let gap = Double($0.gap) / 1e6
      return
        "\($0.method) of \($0.user) at \(at.rounded(to: 2)) s: \(gap.rounded(to: 1)) ms (\($0.met)\(failure))"
    }
  }

  /// As JSON.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    guard let data = try? encoder.encode(self) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }
}

extension DemoReport.Server {
  init(_ report: ServerReport) {
    name = report.server.rawValue
    before = report.before ?? "?"
    after = report.after ?? "?"
    outcome = report.outcome.word
    steps = report.steps.map { DemoReport.Step(name: $0.phase.words, milliseconds: $0.took?.milliseconds) }
  }
}

extension Double {
  /// Rounded to so many decimals.
  func rounded(to decimals: Int) -> Double {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    return (self * scale).rounded() / scale
  }
}
