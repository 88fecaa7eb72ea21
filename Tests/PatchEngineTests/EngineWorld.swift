import FabricStore
import Foundation
import Logging
import PatchEngine
import PatchRun
import PoolDriving
import PoolModel
import PoolTesting
import Synchronization

/// Collects news.
final class News: Sendable {
  private let events = Mutex<[RunEvent]>([])
  var all: [RunEvent] { events.withLock { $0 } }
  func take(_ event: RunEvent) { events.withLock { $0.append(event) } }

  /// Waits until there is such news; at most 20 seconds.
  func arrival(_ isIt: (RunEvent) -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(20)
    while !all.contains(where: isIt), ContinuousClock.now < end {
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}

/// An engine over a pool and a store in memory, with a patch command that is a real shell command.
struct EngineWorld {
  let fabric = MemoryFabric()
  let pool: MemoryPool
  let news = News()
  let directory: String

  init(servers: Int = 3, groups: Int = 6) throws {
    let clock = fabric.clock
    pool = MemoryPool(
      servers: (1...servers).map { ServerName("fe\($0)") },
      groups: groups,
      clock: { PoolTime(milliseconds: clock.milliseconds) }
    )
    directory = NSTemporaryDirectory() + "quorate-engine-" + UUID().uuidString
    for server in 1...servers {
      try FileManager.default.createDirectory(
        atPath: "\(directory)/fe\(server)",
        withIntermediateDirectories: true
      )
    }
  }

  func clean() { try? FileManager.default.removeItem(atPath: directory) }

  /// A step whose `apply` writes the target version into the server's directory; a start then runs it.
  func step(
    apply: String = "echo $QUORATE_TARGET_VERSION > version",
    _ more: [CommandKind: PatchStep.Command] = [:]
  )
    -> PatchStep
  {
    var directories: [ServerName: String] = [:]
    for server in (try? pool.fabricState())?.servers ?? [] {
      directories[server.name] = "\(directory)/\(server.name)"
    }
    var commands = more
    commands[.apply] = commands[.apply] ?? PatchStep.Command(apply, timeout: .seconds(20))
    return PatchStep(
      target: "2.0",
      commands: commands,
      directories: directories,
      stateDirectory: directory
    )
  }

  func engine(
    _ step: PatchStep? = nil,
    by: String = "ann@ops",
    store: MemoryFabricStore? = nil,
    leaseTime: Duration = .seconds(30),
    serverLease: Duration = .milliseconds(20),
    gate: @escaping @Sendable (String, ServerName?) async -> Void = { _, _ in }
  ) -> PatchEngine {
    let (pool, directory) = (pool, directory)
    // What the patch left on disk is what a start runs.
    let driver = MemoryPoolDriver(pool) { verb, server in
      await gate(verb, server)
      guard verb == "start", let server,
        let text = try? String(contentsOfFile: "\(directory)/\(server)/version", encoding: .utf8)
      else { return }
      pool.change(.install(server, version: text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }
    return PatchEngine(
      driver: driver,
      store: store ?? fabric.client(),
      step: step ?? self.step(),
      operator: by,
      leaseTime: leaseTime,
      serverLease: serverLease,
      logger: Logger(label: "test")
    )
  }

  var progress: PatchEngine.Progress { { [news] event in news.take(event) } }

  var isPatched: Bool {
    guard let state = try? pool.fabricState() else { return false }
    return state.isHealthy && state.servers.allSatisfy { $0.version == "2.0" }
  }
}
