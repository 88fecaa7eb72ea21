import FrontEndPoolDriver
import PatchRun
import PoolDriving
import PoolFile
import PoolModel
import ServerControl

/// Waits for a pool to get where a command wants it.
struct PoolWait {
  let connection: PoolConnection
  let deadline: ContinuousClock.Instant
  /// How often servers had ended in a row before the wait: that is not news.
  private let known: [ServerName: Int]

  init(connection: PoolConnection, deadline: ContinuousClock.Instant) {
    self.connection = connection
    self.deadline = deadline
    let file = connection.file
    known = Dictionary(
      uniqueKeysWithValues: file.servers.map { ($0.name, file.directory(of: $0.name).trouble?.count ?? 0) }
    )
  }

  /// Until these servers are seen in the fabric and, when they are all of them, every group has a primary.
  func untilUp(_ servers: [ServerName], progress: @Sendable (DriverProgress) -> Void) async throws {
    try await until(servers, progress) { state in
      let up = state.servers.filter { $0.isUp }.map(\.name)
      let missing = servers.filter { !up.contains($0) }
      if !missing.isEmpty { return "waiting for \(missing.map(\.rawValue).joined(separator: ", "))" }
      let serving = state.servers.contains { $0.isUp && $0.service.isInService }
      guard serving, state.servers.allSatisfy({ servers.contains($0.name) }) else { return nil }
      let left = state.groupsWithoutPrimary.count
      return left > 0 || state.groups.isEmpty ? "waiting for the primaries of \(left) groups" : nil
    }
  }

  /// Until a server that was added holds replicas, all caught up.
  func untilPlaced(on server: ServerName, progress: @Sendable (DriverProgress) -> Void) async throws {
    try await until([server], progress) { state in
      guard let found = state.server(server), found.isUp else { return "waiting for \(server) to start" }
      let held = state.groups.flatMap(\.replicas).filter { $0.server == server }
      let built = held.count { $0.status == .up }
      if held.isEmpty {
        return "\(server) is up; the pool moves replicas to it once nothing has changed for 30 s"
      }
      return built < held.count ? "\(built) of \(held.count) replicas are built" : nil
    }
  }

  /// A server that ends again and again is not waited for to the end: its own words say why.
  private func refuseTrouble(of servers: [ServerName]) throws(CommandFailure) {
    let file = connection.file
    let failures = servers.compactMap { server -> String? in
      let directory = file.directory(of: server)
      guard let trouble = directory.trouble, trouble.count >= max(3, (known[server] ?? 0) + 1) else {
        return nil
      }
      return "server \(server) does not start: \(trouble) (\(directory.serverLog))"
    }
    guard !failures.isEmpty else { return }
    throw CommandFailure(.unreachable, failures.joined(separator: "\n"))
  }

  private func until(
    _ servers: [ServerName],
    _ progress: @Sendable (DriverProgress) -> Void,
    _ blocker: (FabricState) -> String?
  ) async throws {
    var last = "waiting for the fabric"
    var told = ""
    while true {
      do throws(PoolDriverError) {
        guard let words = blocker(try await connection.driver.fabricState()) else { return }
        last = words
      } catch {
        // A pool that is just starting has no fabric yet.
        guard error.code == .unreachable else { throw error }
        last = error.message
      }
      try refuseTrouble(of: servers)
      if last != told { progress(DriverProgress(last)) }
      told = last
      guard ContinuousClock.now < deadline else {
        throw CommandFailure(.unreachable, "not in time: \(last)")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}
