import ArgumentParser
import PatchRun
import PoolFile
import PoolModel
import ServerControl

/// `quorate pool status`: the processes, without the fabric.
struct PoolStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show whether the servers' processes run. Exit code 0 when all do, 1 when not.",
    discussion: "What they do is shown by 'quorate fabric-state'."
  )

  @OptionGroup var pool: PoolArgument
  @OptionGroup var choice: ServerChoice
  @OptionGroup var output: OutputOptions

  private struct Row: Encodable {
    var server: String
    var running: Bool
    var process: Int32?
    var keeper: Int32?
    var installed: String?
    var log: String?
  }

  func run() async throws {
    let file = try PoolConnection.file(pool.pool)
    let control = try PoolServerControl(file)
    var rows: [Row] = []
    for server in try choice.servers(of: file) {
      var row = Row(server: server.rawValue, running: try await control.isRunning(server))
      if file.server(server)?.service == .supervised {
        let directory = file.directory(of: server)
        row.process = directory.serverPid.holder()
        row.keeper = directory.keeperPid.holder()
        row.installed = ReleaseChoice.target(of: directory.current)
        row.log = directory.serverLog
      }
      rows.append(row)
    }
    Terminal.write(output.json ? try JSONText.document(rows) : text(rows))
    try RunOutput.end(rows.allSatisfy(\.running) ? .done : .notGood)
  }

  private func text(_ rows: [Row]) -> String {
    var table = TextTable([
      .init(heading: "SERVER"), .init(heading: "PROCESS"), .init(heading: "KEEPER"),
      .init(heading: "INSTALLED"),
      .init(heading: "LOG"),
    ])
    for row in rows {
      let process = row.process.map { "\($0)" } ?? (row.running ? "runs" : "-")
      let keeper = row.keeper.map { "\($0)" } ?? "-"
      table.add([row.server, process, keeper, row.installed ?? "-", row.log ?? "-"])
    }
    return table.lines.joined(separator: "\n") + "\n"
  }
}
