import Foundation
import PoolDemo
import SIPClient
import Testing

extension Tag {
  /// Needs the built programs, free ports and SIPp; takes seconds.
  @Tag static var integration: Self
}

/// Tests that drive the real programs, with real SIP clients. One after the other: each has the machine for itself.
@Suite("Integration", .serialized, .tags(.integration), .timeLimit(.minutes(3)))
struct IntegrationTests {}

/// Where the programs of this test run are.
enum TestPrograms {
  /// Beside the test bundle, or where `QUORATE_TEST_PROGRAMS` says.
  static func find() throws -> PoolSandbox.Programs {
    if let directory = ProcessInfo.processInfo.environment["QUORATE_TEST_PROGRAMS"] {
      return try PoolSandbox.Programs.beside("\(directory)/quorate")
    }
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return try PoolSandbox.Programs.beside((bundle as NSString).deletingLastPathComponent + "/quorate")
  }

  /// The previous release's program, where one was built (scripts/previous.sh).
  static let previous = ProcessInfo.processInfo.environment["QUORATE_PREVIOUS"]

  /// A file of this target's directory.
  static func file(_ name: String, from source: String = #filePath) -> String {
    (source as NSString).deletingLastPathComponent + "/" + name
  }
}

/// Makes a pool, gives it to `body`, and leaves nothing of it, whatever comes.
func withPool(
  _ name: String,
  servers: Int = 3,
  groups: Int = 12,
  drainTime: String = "2s",
  isStarted: Bool = true,
  programs: PoolSandbox.Programs? = nil,
  change: (inout PoolSandbox.Layout) -> Void = { _ in },
  _ body: (PoolSandbox) async throws -> Void
) async throws {
  var layout = PoolSandbox.Layout()
  layout.name = name
  layout.servers = servers
  layout.groups = groups
  layout.drainTime = drainTime
  layout.domain = "pool.test"
  layout.ports = 22_000..<22_800
  change(&layout)
  let pool = try await PoolSandbox.make(layout, programs: programs ?? TestPrograms.find())
  do {
    if isStarted { try await pool.start() }
    try await body(pool)
  } catch {
    // What the servers said is the first thing one wants to see.
    for server in pool.servers {
      let log = try? String(
        contentsOfFile: "\(pool.directory(of: server.name))/log/server.log",
        encoding: .utf8
      )
      print("---- \(server.name), end of its log:\n\((log ?? "none").suffix(3000))")
    }
    await pool.remove()
    throw error
  }
  await pool.remove()
  #expect(pool.processes().isEmpty, "processes of the pool are left")
  #expect(!FileManager.default.fileExists(atPath: pool.root), "\(pool.root) is left")
}

/// Starts users of a pool, gives them to `body`, and closes them.
func withUsers(
  _ count: Int,
  of pool: PoolSandbox,
  prefix: String = "u",
  timers: ClientTimers = ClientTimers(),
  _ body: (PoolClient) async throws -> Void
) async throws {
  let client = try await PoolClient.start(
    ClientConfiguration(
      servers: pool.endpoints,
      domain: pool.layout.domain,
      users: count,
      prefix: prefix,
      seed: UInt64.random(in: 1...0xffff_ffff),
      timers: timers
    )
  )
  do {
    try await body(client)
  } catch {
    await client.close()
    throw error
  }
  await client.close()
}

extension PoolSandbox {
  /// The fabric state, which must be there.
  func seen() async throws -> SandboxState { try #require(try await state()) }

  /// The version that each server's running process says it is.
  func versions() async throws -> [String?] { try await seen().servers.map(\.version) }
}
