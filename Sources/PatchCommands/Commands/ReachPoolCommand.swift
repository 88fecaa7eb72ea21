import ArgumentParser
import PatchRun
import PoolFile
import PoolModel
import ServerControl
import Synchronization
import TargetActs

/// `quorate pool reach`: the way to the servers' machines, tried before a run needs it.
struct ReachPoolCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reach",
    abstract: "Try the way to the servers' machines: ssh, sudo, the fence. Exit code 0 when all are reached.",
    discussion: "It runs a command that does nothing, as an act would, and says how long that takes."
  )

  @OptionGroup var pool: PoolArgument
  @OptionGroup var choice: ServerChoice
  @Option(help: ArgumentHelp("How often each machine is asked.", valueName: "number")) var count = 1
  @OptionGroup var output: OutputOptions

  private struct Row: Encodable {
    var server: String
    var over: String
    var trouble: String?
    var firstMilliseconds: Double?
    var medianMilliseconds: Double?
    var p99Milliseconds: Double?
    var count: Int
  }

  func validate() throws {
    guard (1...10_000).contains(count) else { throw ValidationError("--count is a number from 1 to 10000") }
  }

  func run() async throws {
    let file = try PoolConnection.file(pool.pool)
    var rows: [Row] = []
    var code = PatchRun.ExitCode.done
    for server in try choice.servers(of: file) {
      let (row, worst) = await reach(server, file)
      rows.append(row)
      if worst != .done { code = worst }
    }
    Terminal.write(output.json ? try JSONText.document(rows) : text(rows))
    try RunOutput.end(code)
  }

  private func reach(_ server: ServerName, _ file: PoolFile) async -> (Row, PatchRun.ExitCode) {
    let host = file.host(of: server)
    var row = Row(server: server.rawValue, over: host?.destination ?? "this machine", count: 0)
    var times: [Double] = []
    for _ in 0..<count {
      let began = ContinuousClock.now
      let last = Mutex("")
      let ending = await TargetCommand(
        ":",
        timeout: .seconds(30),
        fence: TargetFence(in: file.fenceDirectory(of: server), pool: file.pool, server: server, act: nil),
        host: host
      ).run { text in last.withLock { $0 = text } }
      guard ending == .exited(0) else {
        row.trouble = Self.trouble(ending, last.withLock { $0 })
        return (row, Self.code(ending))
      }
      times.append((ContinuousClock.now - began) / .milliseconds(1))
    }
    row.count = times.count
    row.firstMilliseconds = times.first
    times = times.dropFirst().sorted()
    if !times.isEmpty {
      row.medianMilliseconds = times[times.count / 2]
      row.p99Milliseconds = times[min(times.count - 1, times.count * 99 / 100)]
    }
    return (row, .done)
  }

  private static func trouble(_ ending: ActEnding, _ said: String) -> String {
    switch ending {
    case .unreachable(let why), .denied(let why), .busy(let why), .fenced(let why), .notStarted(let why): why
    case .exited(let code): said.isEmpty ? "exit code \(code)" : said
    case .signaled(let signal): "ended by signal \(signal)"
    case .timedOut: "took longer than 30 s"
    case .cancelled: "cancelled"
    }
  }

  private static func code(_ ending: ActEnding) -> PatchRun.ExitCode {
    switch ending {
    case .unreachable, .timedOut: .unreachable
    case .denied, .fenced: .refused
    case .busy, .cancelled: .stopped
    case .exited, .signaled, .notStarted: .notGood
    }
  }

  private func text(_ rows: [Row]) -> String {
    var table = TextTable([
      .init(heading: "SERVER"), .init(heading: "OVER"), .init(heading: "FIRST"), .init(heading: "MEDIAN"),
      .init(heading: "P99"), .init(heading: "TROUBLE"),
    ])
    func time(_ value: Double?) -> String { value.map { "\(($0 * 10).rounded() / 10) ms" } ?? "-" }
    for row in rows {
      table.add([
        row.server, row.over, time(row.firstMilliseconds), time(row.medianMilliseconds),
        time(row.p99Milliseconds), row.trouble ?? "-",
      ])
    }
    return table.lines.joined(separator: "\n") + "\n"
  }
}
