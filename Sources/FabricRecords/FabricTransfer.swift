public import FabricStore
public import PoolModel
import Replication

/// A fabric carried from one store to another, while its pool is stopped or as a backup.
public enum FabricTransfer {
  /// What was carried.
  public struct Report: Hashable, Sendable, Codable {
    /// Keys that were written.
    public var keys: Int
    /// The revision of the source that they are of.
    public var revision: UInt64
    /// No lease generation that the source's records name is above this: the target's new ones must be.
    public var generation: UInt64
  }

  private static let page = 2_000
  private static let perTransaction = 32
  private static let bytesPerTransaction = 256 << 10

  /// The servers that live in a store: those it would be torn from under.
  public static func liveServers(in store: any FabricStore) async throws(FabricStoreError) -> [ServerName] {
    try await store.readAll(FabricKey.processes).entries.compactMap { entry in
      if case .live(let name) = FabricKey(entry.key) { name } else { nil }
    }
  }

  /// Copies every key that no lease holds, as of one revision. The target must have none of them.
  public static func copy(from source: any FabricStore, to target: any FabricStore)
    async throws(FabricStoreError) -> Report
  {
    let grant = try await source.grantLease(ttl: FabricLimits.shortestLease)
    try await source.revoke(grant.id)
    var report = Report(keys: 0, revision: 0, generation: grant.generation)
    let everything = KeyRange(start: "\u{1}", end: nil)
    try await source.readPages(everything, page: page) { reading throws(FabricStoreError) in
      let entries = reading.entries.filter { $0.lease == nil }
      let results = try await target.commit(transactions(entries), urgent: false)
      guard results.allSatisfy({ $0.revision != nil }) else {
        throw FabricStoreError(.unsuitable, "somebody else writes into the store that is being filled")
      }
      report.keys += entries.count
      report.revision = reading.revision
      return true
    }
    return report
  }

  private static func transactions(_ entries: [Entry]) -> [FabricTransaction] {
    var transactions: [FabricTransaction] = []
    var current = FabricTransaction(then: [])
    var bytes = 0
    for entry in entries {
      if !current.operations.isEmpty,
        current.operations.count >= perTransaction || bytes + entry.value.count > bytesPerTransaction
      {
        transactions.append(current)
        (current, bytes) = (FabricTransaction(then: []), 0)
      }
      current.comparisons.append(.absent(entry.key))
      current.operations.append(.put(entry.key, entry.value))
      bytes += entry.value.count
    }
    if !current.operations.isEmpty { transactions.append(current) }
    return transactions
  }

  /// What in a store's records contradicts itself, for people; at most 100.
  public static func problems(in store: any FabricStore) async throws(FabricStoreError) -> [String] {
    var problems: [String] = []
    let image: FabricImage
    do throws(FabricStoreError) {
      image = try await FabricImage.read(from: store)
    } catch {
      guard error.code == .corrupt || error.code == .newerFormat else { throw error }
      return [error.message]
    }
    guard let pool = image.view.pool?.record else { return ["there is no pool record"] }
    let fences = try await store.readAll(FabricKey.fences, at: image.view.revision)
    var values: [String: [UInt8]] = [:]
    for entry in fences.entries { values[entry.key] = entry.value }
    for (id, group) in image.view.groups.sorted(by: { $0.key.index < $1.key.index }) {
      let key = FabricKey.fence(id).text
      if values[key] != FabricCodec.encode(generation: group.record.generation) {
        problems.append("\(key) is not at generation \(group.record.generation) of its group")
      }
    }
    let revision = image.view.revision
    try await store.readPages(FabricKey.bindings, at: revision, page: page) {
      reading throws(FabricStoreError) in
      for entry in reading.entries {
        guard case .binding(let group, let user)? = FabricKey(entry.key),
          group == RoutingGroupID(addressOfRecord: user.utf8, groups: pool.groups)
        else {
          problems.append("\(entry.key) is in a group that it does not belong to")
          continue
        }
      }
      return problems.count < 100
    }
    return Array(problems.prefix(100))
  }
}
