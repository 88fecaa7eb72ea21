import FabricRecords
import FabricStore
import Logging
import PoolModel
import Replication

/// Replicas that wait for their loading: a few at a time.
struct LoadQueue {
  static let atOnce = 4
  static let page = 2_000
  var waiting: [RoutingGroupID] = []
  var running = 0
  var lastNumber: UInt64 = 0
}

extension FabricAgent {
  func load(_ group: RoutingGroupID) {
    let shard = shards[group] ?? GroupShard(id: group, isHidden: configuration.isHidden)
    shards[group] = shard
    loading.lastNumber += 1
    // From now on the watch's news is kept beside: the reading is of this moment or later.
    shard.beginLoad(loading.lastNumber)
    loading.waiting.append(group)
    loadNext()
  }

  private func loadNext() {
    while loading.running < LoadQueue.atOnce, !loading.waiting.isEmpty {
      let group = loading.waiting.removeFirst()
      guard let shard = shards[group], shard.isLoading else { continue }
      loading.running += 1
      read(group, FabricKey.bindings(of: group), at: nil, number: shard.loadNumber)
    }
  }

  /// Reads a page and, behind it, the next, all at the revision of the first.
  private func read(_ group: RoutingGroupID, _ range: KeyRange, at revision: Revision?, number: UInt64) {
    let store = store
    run {
      do throws(FabricStoreError) {
        return .success(try await store.read(range, at: revision, limit: LoadQueue.page))
      } catch {
        return .failure(error)
      }
    } then: { (agent: FabricAgent, result: Result<RangeReading, FabricStoreError>) in
      agent.takePage(group, range, number: number, result)
    }
  }

  private func takePage(
    _ group: RoutingGroupID,
    _ range: KeyRange,
    number: UInt64,
    _ result: Result<RangeReading, FabricStoreError>
  ) {
    guard !isStopped, let shard = shards[group], shard.isLoading, shard.loadNumber == number else {
      return finishedReading()
    }
    switch result {
    case .success(let reading):
      shard.takePage(reading.entries)
      if reading.more, let last = reading.entries.last {
        read(group, range.after(last.key), at: reading.revision, number: number)
        return
      }
      shard.finishLoad(at: reading.revision)
      logger.debug(
        "has loaded a group",
        metadata: ["group": "\(group)", "records": "\(shard.records.count)"]
      )
      finishedReading()
      tell(.replicaLoaded(group))
    case .failure(let error):
      logger.warning("could not load a group", metadata: ["group": "\(group)", "error": "\(error)"])
      shard.abandonLoad()
      finishedReading()
      tell(.replicaLoadFailed(group))
    }
  }

  private func finishedReading() {
    loading.running -= 1
    loadNext()
  }
}
