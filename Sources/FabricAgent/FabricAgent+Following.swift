import FabricRecords
import FabricStore
import Logging
import NIOCore
import PoolModel
import Replication

/// What the store tells, on the loop.
extension FabricAgent {
  func follow() {
    let bound = bound
    let following = FabricFollowing(store: store, loop: door) { news in bound.value.takeNews(news) }
    tasks.append(Task { await following.run() })
  }

  private func takeNews(_ news: FabricNews) {
    guard !isStopped else { return }
    switch news {
    case .image(let image): takeImage(image)
    case .batch(let batch): takeBatch(batch)
    case .trouble(let text, let isLasting):
      tally.rereads += 1
      logger.warning("cannot follow the store", metadata: ["error": "\(text)"])
      guard isLasting else { return }
      trouble = text
      if let grant = lease.grant {
        loseLease()
        giveBack(grant)
      }
    }
  }

  private func takeImage(_ image: FabricImage) {
    if let pool = image.view.pool?.record, pool.name != configuration.pool {
      trouble = "the store holds pool \(pool.name), not \(configuration.pool)"
      isForeign = true
      logger.critical("the store is another pool's", metadata: ["pool": "\(pool.name)"])
      return
    }
    trouble = nil
    isForeign = false
    heardAt = BootClock.now()
    values = image.values
    tell(.viewRead(image.view))
    if image.view.pool == nil { formPool() }
    askTime()
    grantLease()
  }

  private func takeBatch(_ batch: FollowedBatch) {
    guard !isForeign else { return }
    for change in batch.bindings { takeBinding(change) }
    for (key, value) in batch.values { values[key] = value }
    for group in deleting where !(shards[group]?.watchReached(batch.revision) ?? false) {
      deleting.remove(group)
    }
    for case .live(configuration.server, let record?) in batch.control {
      noticeSuperseded(by: record.record.instance)
    }
    tell(.viewChanged(batch.control, revision: batch.revision))
  }

  /// A binding was written or deleted by somebody: by us, mostly, if we lead its group, and then the table has it.
  private func takeBinding(_ change: Change) {
    if writes.echoes.remove(change.revision) != nil { return }
    guard let group = Self.group(ofBindingKey: change.key), let shard = shards[group] else { return }
    let aor = String(decoding: change.key.utf8.dropFirst(shard.keyPrefix.utf8.count), as: UTF8.self)
    switch change {
    case .put(let entry): learn(aor, entry.value, at: entry.modRevision, shard)
    case .delete(_, let revision): learn(aor, nil, at: revision, shard)
    }
  }

  /// Puts what is known of a record into the table of its group.
  func learn(_ aor: String, _ bytes: [UInt8]?, at revision: Revision, _ shard: GroupShard) {
    if bytes == nil { deleting.insert(shard.id) }
    shard.learn(aor, bytes, at: revision)
  }

  /// The five digits of `binding/<5 digits>/...`.
  static func group(ofBindingKey key: String) -> RoutingGroupID? {
    var number = 0
    for digit in key.utf8.dropFirst(8).prefix(5) {
      guard (0x30...0x39).contains(digit) else { return nil }
      number = number * 10 + Int(digit - 0x30)
    }
    return RoutingGroupID(number)
  }
}
