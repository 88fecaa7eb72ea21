import Foundation
import PoolDemo
import Testing

/// The test bed of `scripts/testbed.sh`: hosts h1 to h5 with a Front End server each, etcd members on the first three, the
/// operators' hosts op and ua, and this process on the same network as 10.77.0.200.
final class Testbed: Sendable {
  static let hosts = 1...5
  static let address = "10.77.0.200"
  static let domain = "five.test"
  static let poolFile = "/etc/quorate/pool.yaml"
  static let prefix = "/quorate/five"
  static let version = "1.0.0"
  static let nextVersion = "1.1.0"

  /// Where its state is; `shared` in it is every host's /testbed.
  let state: String
  private let logs: String
  private let script: String
  private let number = Counter()

  private final class Counter: Sendable {
    private let lock = NSLock()
    nonisolated(unsafe) private var value = 0
    func next() -> Int {
      lock.withLock {
        value += 1; return value
      }
    }
  }

  /// Whether the cases that take long are wanted too.
  static var isLong: Bool { ProcessInfo.processInfo.environment["QUORATE_TESTBED_LONG"] != nil }

  /// Only root can make network namespaces.
  static var isPossible: Bool { geteuid() == 0 }

  private init(root: String) {
    logs = "\(root)/logs"
    state = "\(root)/hosts"
    script = Self.repository + "/scripts/testbed.sh"
  }

  static var repository: String {
    // Tests/TestbedTests/Testbed.swift
    var path = #filePath as NSString
    for _ in 0..<3 { path = path.deletingLastPathComponent as NSString }
    return path as String
  }

  /// The folder of the programs that this test run built.
  static func programs() throws -> String {
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return (bundle as NSString).deletingLastPathComponent
  }

  /// Makes a test bed with a pool that runs, gives it to `body`, and leaves nothing of it.
  /// - Parameter more: lines of the pool file, at its top level.
  static func with(
    drainTime: String = "1s",
    withReboot: Bool = false,
    more: [String] = [],
    _ body: (Testbed) async throws -> Void
  ) async throws {
    let root = "/run/quorate-testbed-tests"
    try FileManager.default.createDirectory(atPath: "\(root)/logs", withIntermediateDirectories: true)
    let bed = Testbed(root: root)
    do {
      try await bed.up(TestbedPool.text(drainTime: drainTime, withReboot: withReboot, more: more))
      try await body(bed)
    } catch {
      bed.showLogs()
      await bed.down()
      throw error
    }
    await bed.down()
    #expect(!FileManager.default.fileExists(atPath: bed.state), "the test bed is left")
    try? FileManager.default.removeItem(atPath: root)
  }

  private func up(_ pool: String) async throws {
    let (old, new) = try await packages()
    let file = logs + "/pool.yaml"
    try pool.write(toFile: file, atomically: true, encoding: .utf8)
    try await must("down")
    try await must("up", "--package", old, "--pool", file, within: .seconds(60))
    for package in [old, new] {
      let name = (package as NSString).lastPathComponent
      try FileManager.default.copyItem(atPath: package, toPath: "\(state)/shared/\(name)")
    }
    for host in Self.hosts {
      // What the audit compares with the store's history.
      let options = "echo QUORATE_FRONTEND_OPTIONS=\\'--log-level debug\\' > /etc/default/quorate"
      try await must("exec", "h\(host)", "sh", "-c", options)
      try await must("exec", "h\(host)", "systemctl", "enable", "--now", "quorate-frontend@fe\(host)")
    }
    try await wait("the pool to be whole") { $0.healthy && $0.servers.count == Self.hosts.count }
  }

  /// The packages of the two versions: `QUORATE_PACKAGES` names the folder where `scripts/package.sh` has put real ones; else
  /// this run's programs are packaged.
  private func packages() async throws -> (old: String, new: String) {
    guard let folder = ProcessInfo.processInfo.environment["QUORATE_PACKAGES"] else {
      return (try await package("quorate"), try await package("quorate-next"))
    }
    func named(_ version: String) throws -> String {
      let found = try FileManager.default.contentsOfDirectory(atPath: folder)
        .first { $0.hasPrefix("quorate_\(version)_") && $0.hasSuffix(".deb") }
      guard let found else { throw DemoError("QUORATE_PACKAGES: \(folder) has no package of \(version)") }
      return "\(folder)/\(found)"
    }
    return (try named(Self.version), try named(Self.nextVersion))
  }

  /// Packages one of this run's programs.
  private func package(_ program: String) async throws -> String {
    let command = try SpawnedCommand(
      "/bin/bash",
      [
        Self.repository + "/scripts/package.sh", "--binary", "\(try Self.programs())/\(program)", "--output",
        logs,
      ],
      logs: logs,
      tag: "package-\(program)"
    )
    let result = await command.end(within: .seconds(60))
    guard result.exitCode == 0 else { throw DemoError(result.description) }
    return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func down() async {
    _ = try? await script(["down"]).end(within: .seconds(30))
  }

  /// The boot ids of the hosts that have a server.
  func bootIDs() throws -> [String] {
    try Self.hosts.map { try String(contentsOfFile: "\(state)/h\($0)/boot_id", encoding: .utf8) }
  }

  /// What a server has logged, over all its lives.
  func log(of host: Int) -> String {
    let path = "\(state)/h\(host)/upper/var/log/quorate-frontend@fe\(host).log"
    return (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
  }

  private func showLogs() {
    for host in Self.hosts {
      print("---- fe\(host), end of its log:\n\(log(of: host).suffix(3000))")
    }
  }

  // MARK: - Commands

  /// Starts scripts/testbed.sh with these arguments.
  private func script(_ arguments: [String], on operatorHost: String = "op") throws -> SpawnedCommand {
    try SpawnedCommand(
      "/bin/bash",
      [script] + arguments,
      logs: logs,
      tag: "\(number.next())-\(arguments.first ?? "")",
      environment: [
        "QUORATE_TESTBED": state, "QUORATE_TESTBED_NET": "qtt", "TESTBED_OPERATOR": operatorHost,
      ]
    )
  }

  /// Runs scripts/testbed.sh; throws when it fails.
  @discardableResult
  func must(_ arguments: String..., within timeout: Duration = .seconds(20)) async throws -> CommandResult {
    let result = try await script(arguments).end(within: timeout)
    guard result.exitCode == 0 else { throw DemoError(result.description) }
    return result
  }

  /// Starts `quorate` as an operator, with the pool file behind the arguments.
  func begin(_ arguments: String..., on host: String = "op") throws -> SpawnedCommand {
    try command(arguments, on: host)
  }

  private func command(_ arguments: [String], on host: String) throws -> SpawnedCommand {
    try script(["as-operator", "quorate"] + arguments + [Self.poolFile], on: host)
  }

  /// Runs `quorate` as an operator to its end.
  func quorate(_ arguments: String..., on host: String = "op", within timeout: Duration = .seconds(300))
    async throws -> CommandResult
  {
    try await quorate(arguments, on: host, within: timeout)
  }

  /// Runs `quorate` as an operator to its end.
  func quorate(_ arguments: [String], on host: String = "op", within timeout: Duration = .seconds(300))
    async throws -> CommandResult
  {
    try await command(arguments, on: host).end(within: timeout)
  }

  // MARK: - The pool

  /// The fabric state as an operator sees it; nil when there is none.
  func seen(on host: String = "op") async throws -> SandboxState? {
    SandboxState(json: try await begin("fabric-state", "--json", on: host).end(within: .seconds(20)).output)
  }

  /// Waits until the fabric state is as wanted.
  @discardableResult
  func wait(
    _ what: String,
    within timeout: Duration = .seconds(40),
    on host: String = "op",
    until isTrue: (SandboxState) -> Bool
  ) async throws -> SandboxState {
    let deadline = ContinuousClock.now + timeout
    while true {
      let result = try await begin("fabric-state", "--json", on: host).end(within: .seconds(20))
      if let state = SandboxState(json: result.output), isTrue(state) { return state }
      guard ContinuousClock.now < deadline else {
        throw DemoError("waited \(timeout) for \(what); the fabric state is\n\(result.description)")
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}

extension Testbed {
  /// The host whose etcd member leads.
  func storeLeader() async throws -> String {
    for host in ["h1", "h2", "h3"] {
      let status = try await must(
        "exec",
        host,
        "env",
        "ETCDCTL_API=3",
        "etcdctl",
        "--endpoints=http://127.0.0.1:2379",
        "endpoint",
        "status",
        "-w",
        "simple"
      )
      // Endpoint, id, version, size, whether it leads, ...
      let fields = status.output.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      if fields.count > 4, fields[4] == "true" { return host }
    }
    throw DemoError("no etcd member leads")
  }
}
