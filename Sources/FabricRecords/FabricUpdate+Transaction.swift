public import FabricStore
import PoolModel
public import Replication

extension FabricUpdate {
  /// The update as one transaction of the store.
  /// - Parameter previous: by key, the values that the update replaces, as far as they are known: fields of theirs
  ///   that this release does not know are kept. `FabricImage.values` is such a map.
  public func transaction(previous: [String: [UInt8]] = [:]) -> FabricTransaction {
    var transaction = FabricTransaction(when: conditions.map(\.comparison), then: [])
    for write in writes {
      transaction.operations += write.operations(previous: previous, after: epochCompared)
    }
    return transaction
  }

  /// The epoch that the update follows on, for people who read the store; what counts is the key's revision.
  private var epochCompared: UInt64 {
    for case .epochIs(let revision) in conditions { return revision }
    return 0
  }
}

extension FabricCondition {
  var comparison: Comparison {
    switch self {
    case .epochIs(let revision): .modRevision(FabricKey.epoch.text, revision)
    case .serverIs(let name, let revision): .modRevision(FabricKey.server(name).text, revision)
    case .groupIs(let id, let revision): .modRevision(FabricKey.group(id).text, revision)
    // A group that was never led has no fence.
    case .generationIs(let id, 0): .absent(FabricKey.fence(id).text)
    case .generationIs(let id, let generation):
      .value(FabricKey.fence(id).text, FabricCodec.encode(generation: generation))
    case .notLive(let name): .absent(FabricKey.live(name).text)
    case .liveIs(let name, let revision): .modRevision(FabricKey.live(name).text, revision)
    case .noPool: .absent(FabricKey.pool.text)
    }
  }
}

extension FabricWrite {
  func operations(previous: [String: [UInt8]], after epoch: UInt64) -> [FabricOperation] {
    switch self {
    case .pool(let record):
      let key = FabricKey.pool.text
      return [.put(key, FabricCodec.encode(record, over: previous[key]))]
    case .server(let record):
      let key = FabricKey.server(record.name).text
      return [.put(key, FabricCodec.encode(record, over: previous[key]))]
    case .removeServer(let name):
      return [.delete(FabricKey.server(name).text)]
    case .group(let record, let fencing):
      let key = FabricKey.group(record.id).text
      let put = FabricOperation.put(key, FabricCodec.encode(record, over: previous[key]))
      guard fencing else { return [put] }
      return [put, .put(FabricKey.fence(record.id).text, FabricCodec.encode(generation: record.generation))]
    case .epoch:
      return [.put(FabricKey.epoch.text, FabricCodec.encode(generation: epoch))]
    }
  }
}
