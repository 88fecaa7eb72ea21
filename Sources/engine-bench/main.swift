import FabricStore
import FabricStoreSQLite
import FoundationEssentials
import Glibc
import Logging
import PatchEngine
import PatchRun
import PoolModel
import PoolTesting

// The engine's own time (issue 4): patches a pool that is nothing but numbers, whose verbs act at once, with a patch command that
// does nothing. What is left of the time is the engine: its claim, plan, gates and records (in a real SQLite fabric, each on disk before
// its act), the shell it starts for the patch command under the fencing wrapper, evening out, the report.
// Run by Benchmarks/engine.sh. Exit code 0; 1 when one server takes more than 50 ms.

struct OwnTime {
  /// The whole run.
  var wall: Duration
  /// By server, from the first record of its part to the last.
  var servers: [Duration]
  /// By phase, all servers together.
  var phases: [ServerPhase: Duration]
  var records: Int
}

func run(servers: Int) async throws -> OwnTime {
  let directory = "/tmp/quorate-engine-bench-\(getpid())-\(UInt64.random(in: 0 ... .max))"
  try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: directory) }
  let names = (1...servers).map { ServerName("fe\($0)") }
  var directories: [ServerName: String] = [:]
  for name in names {
    directories[name] = "\(directory)/\(name)"
    try FileManager.default.createDirectory(atPath: "\(directory)/\(name)", withIntermediateDirectories: true)
  }
  let store = try await SQLiteFabricStore(path: "\(directory)/fabric.db")
  let pool = MemoryPool(servers: names, groups: servers * 8) {
    PoolTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
  }
  let driver = MemoryPoolDriver(pool) { verb, server in
    if verb == "start", let server { pool.change(.install(server, version: "2.0")) }
  }
  let engine = PatchEngine(
    driver: driver,
    store: store,
    step: PatchStep(
      target: "2.0",
      commands: [.apply: PatchStep.Command("true")],
      directories: directories,
      stateDirectory: directory
    ),
    operator: "bench@here",
    logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
  )
  let began = ContinuousClock.now
  let report = try await engine.patch(PatchOptions(), progress: { _ in })
  let wall = ContinuousClock.now - began
  guard report.exitCode == .done else { throw Failure(description: "the run ended with \(report.outcome)") }
  let records = try await store.readAll(.prefix("run/\(report.run)/record/")).entries.count
  await store.close()
  var phases: [ServerPhase: Duration] = [:]
  for step in report.servers.flatMap(\.steps) { phases[step.phase, default: .zero] += step.took ?? .zero }
  return OwnTime(
    wall: wall,
    servers: report.servers.compactMap { server in
      guard let first = server.steps.first, let last = server.steps.last?.ended else { return nil }
      return last - first.began
    },
    phases: phases,
    records: records
  )
}

struct Failure: Error, CustomStringConvertible { var description: String }

func milliseconds(_ duration: Duration) -> Double {
  let (seconds, attoseconds) = duration.components
  return (Double(seconds) * 1e4 + Double(attoseconds) * 1e-14).rounded() / 10
}

func complain(_ what: String) {
  let line = Array("engine-bench: \(what)\n".utf8)
  _ = write(STDERR_FILENO, line, line.count)
}

do {
  _ = try await run(servers: 3)
  var all: [OwnTime] = []
  for _ in 0..<15 { all.append(try await run(servers: 3)) }
  let servers = all.flatMap(\.servers).sorted()
  let walls = all.map(\.wall).sorted()
  let (median, longest) = (servers[servers.count / 2], servers[servers.count - 1])
  print(
    "The engine's own time: pool and patch do nothing, the fabric is a real SQLite file; \(all.count) runs of 3 servers"
  )
  print("| what | median | longest | bound |")
  print("| --- | --- | --- | --- |")
  print(
    "| one server, first record to last | \(milliseconds(median)) ms | \(milliseconds(longest)) ms | 50 ms |"
  )
  print(
    "| whole run, with claim, plan, evening out and report | \(milliseconds(walls[walls.count / 2])) ms | \(milliseconds(walls[walls.count - 1])) ms | |"
  )
  let phases = ServerPhase.allCases.compactMap { phase -> String? in
    let times = all.compactMap { $0.phases[phase] }.sorted()
    guard !times.isEmpty else { return nil }
    return "\(phase.rawValue) \(milliseconds(times[times.count / 2] / 3))"
  }
  print(
    "Records a run: \(all[0].records). A phase of one server, median, ms: \(phases.joined(separator: ", "))."
  )
  exit(milliseconds(median) <= 50 ? 0 : 1)
} catch {
  complain("\(error)")
  exit(69)
}
