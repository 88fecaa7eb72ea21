import FabricStore
import FabricStoreEtcd
import Foundation
import Logging
import PoolDemo
import Testing

/// Compares what the servers say they wrote with the store's own history.
struct StoreAudit {
  /// A write that a server reported as durable, on which a 200 was sent.
  struct Reported: Hashable {
    var key: String
    var revision: UInt64
    var generation: UInt64
  }

  /// How many writes were compared.
  private(set) var compared = 0
  /// What does not fit, in words.
  private(set) var faults: [String] = []

  /// Reads the servers' logs and the store from its first revision on.
  init(_ bed: Testbed) async throws {
    let reported = Testbed.hosts.flatMap { Self.reported(in: bed.log(of: $0)) }
    let history = try await Self.history()
    var fences: [String: [(revision: UInt64, generation: UInt64)]] = [:]
    var written: Set<String> = []
    for change in history {
      if change.key.hasPrefix("fence/"), case .put(let entry) = change,
        let generation = UInt64(String(decoding: entry.value, as: UTF8.self))
      {
        fences[String(change.key.dropFirst("fence/".count)), default: []]
          .append((change.revision, generation))
      } else if change.key.hasPrefix("binding/") {
        written.insert("\(change.key)@\(change.revision)")
      }
    }
    for write in Set(reported) {
      compared += 1
      if !written.contains("\(write.key)@\(write.revision)") {
        faults.append("\(write) was acknowledged, and the store has no such revision")
      }
      let group = String(write.key.dropFirst("binding/".count).prefix { $0 != "/" })
      let fence = fences[group]?.last { $0.revision <= write.revision }
      if fence?.generation != write.generation {
        faults.append("\(write) was committed under generation \(fence?.generation ?? 0)")
      }
    }
  }

  private static func reported(in log: String) -> [Reported] {
    log.split(separator: "\n").filter { $0.contains("a write is durable") }.compactMap { line in
      var fields: [Substring: Substring] = [:]
      for word in line.split(separator: " ") {
        guard let equals = word.firstIndex(of: "=") else { continue }
        fields[word[..<equals]] = word[word.index(after: equals)...]
      }
      guard let key = fields["key"], let revision = fields["revision"].flatMap({ UInt64($0) }),
        let generation = fields["generation"].flatMap({ UInt64($0) })
      else { return nil }
      return Reported(key: String(key), revision: revision, generation: generation)
    }
  }

  private static func history() async throws -> [Change] {
    let store = try await EtcdFabricStore.open(
      EtcdConfiguration(
        endpoints: (1...3).map { "http://10.77.0.\($0):2379" },
        prefix: Testbed.prefix,
        mayCreate: false
      ),
      logger: Logger(label: "audit") { _ in SwiftLogNoOpLogHandler() }
    )
    let end = try await store.read(.prefix(""), at: nil, limit: 1).revision
    var history: [Change] = []
    for try await batch in store.watch(.prefix(""), from: 1) {
      history += batch.changes
      if batch.revision >= end { break }
    }
    await store.close()
    return history
  }
}

/// Every 200 has its revision, and none was given under a generation that was over.
func expectStoreAgrees(_ bed: Testbed, atLeast least: Int = 301) async throws {
  let audit = try await StoreAudit(bed)
  #expect(audit.compared >= least, "only \(audit.compared) writes were compared")
  #expect(audit.faults.isEmpty, "\(audit.faults.count) of \(audit.compared): \(audit.faults.prefix(5))")
}
