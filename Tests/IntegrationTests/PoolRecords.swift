import FabricRecords
import FabricStore
import FabricStoreSQLite
import Foundation
import PoolDemo
import PoolModel
import Registrar
import Testing

/// What a pool's fabric and its servers' metrics say, read beside the servers.
extension PoolSandbox {
  /// The bindings of a user as they are stored.
  func bindings(of user: String) async throws -> [Binding] {
    let store = try await SQLiteFabricStore(path: fabric)
    let addressOfRecord = "sip:\(user)@\(layout.domain)"
    let group = RoutingGroupID(addressOfRecord: addressOfRecord.utf8, groups: layout.groups)
    let key = FabricKey.binding(group, addressOfRecord: addressOfRecord).text
    guard let entry = try await store.read(key) else { return [] }
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    return try RegistrationRecord(decoding: entry.value).liveBindings(at: now)
  }

  /// The contacts of a user as they are stored.
  func contacts(of user: String) async throws -> [String] {
    try await bindings(of: user).map { String(decoding: $0.contact, as: UTF8.self) }
  }

  /// The metrics of a server, as Prometheus reads them.
  func metrics(of server: Int) async throws -> String {
    let command = try SpawnedCommand(
      "/usr/bin/curl",
      ["-s", "http://127.0.0.1:\(servers[server].http)/metrics"],
      logs: logs,
      tag: "metrics"
    )
    return await command.end(within: .seconds(10)).output
  }

  /// The value of one metric of a server, with its labels as they are shown; 0 when it is not there.
  func metric(_ name: String, of server: Int) async throws -> Double {
    for line in try await metrics(of: server).split(separator: "\n") where line.hasPrefix("\(name) ") {
      return Double(line.dropFirst(name.count + 1)) ?? 0
    }
    return 0
  }

  /// Waits until every server knows so many users.
  func waitForUsers(_ count: Int) async throws {
    for server in servers.indices {
      let deadline = ContinuousClock.now + .seconds(10)
      while try await metric("quorate_users", of: server) != Double(count) {
        try #require(ContinuousClock.now < deadline, "\(servers[server].name) does not know \(count) users")
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }
}
