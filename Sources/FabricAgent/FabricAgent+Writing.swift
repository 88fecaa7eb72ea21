import FabricRecords
import FabricStore
import Logging
import NIOCore
import PoolModel
import Replication

/// Writes on their way to the store.
struct WriteQueue {
  /// Writes of one commit call, at most.
  static let batch = 256
  /// A second call goes beside the first only when it is worth it.
  static let secondCallFrom = 32
  static let callsAtOnce = 2
  /// Under load calls are sent no closer than this, unless so much is queued: a call costs as much as a dozen writes.
  static let pause = Duration.milliseconds(2)
  static let busyFrom = 8
  static let fullFrom = 96

  var queue: [PendingWrite] = []
  var calls: [UInt64: [PendingWrite]] = [:]
  var lastCall: UInt64 = 0
  var busyKeys: Set<String> = []
  var isFlushing = false
  /// When the last call was sent, and how much it held.
  var lastSent = Instant(nanoseconds: 0)
  var lastSize = 0
  var isPausing = false
  /// Revisions of our own writes whose echo the watch has not told yet. Writes of one call may share one: the echoes
  /// behind the first then go the long way, to the same end.
  var echoes: Set<Revision> = []
}

extension FabricAgent {
  /// Writes a record, or deletes it, if it still is at the revision expected and this server still leads the group.
  /// Writes of one AoR are committed in the order they are asked for.
  /// - Parameters:
  ///   - bytes: the new value; `nil` deletes.
  ///   - aor: the canonical address-of-record.
  ///   - group: its group.
  ///   - revision: the revision it is at now; 0 when there is no record.
  ///   - completion: called on the loop, once, never before this method returns.
  public func write(
    _ bytes: [UInt8]?,
    for aor: String,
    in group: RoutingGroupID,
    expecting revision: UInt64,
    completion: @escaping (WriteOutcome) -> Void
  ) {
    guard let shard = shards[group], let generation = shard.generation, !isStopped,
      let deadline = known.deadline, BootClock.now() < deadline
    else {
      tally.writesNotPrimary += 1
      return later(.notPrimary, completion)
    }
    guard shard.outstanding + shard.waiting.count < configuration.queueLimit else {
      tally.writesFailed += 1
      return later(.failed(FabricStoreError(.unavailable, "too many writes wait in \(group)")), completion)
    }
    let write = PendingWrite(
      shard: shard,
      aor: aor,
      bytes: bytes,
      expecting: revision,
      generation: generation,
      completion: completion
    )
    if shard.isHeld { shard.waiting.append(write) } else { enqueue(write, shard) }
  }

  private func later(_ outcome: WriteOutcome, _ completion: @escaping (WriteOutcome) -> Void) {
    let bound = NIOLoopBound(completion, eventLoop: eventLoop)
    eventLoop.execute { bound.value(outcome) }
  }

  private func enqueue(_ write: PendingWrite, _ shard: GroupShard) {
    shard.outstanding += 1
    writes.queue.append(write)
    guard !writes.isFlushing else { return }
    // At the end of this turn of the loop: whatever else it brings goes in the same call.
    writes.isFlushing = true
    let bound = bound
    eventLoop.execute {
      bound.value.writes.isFlushing = false
      bound.value.flush()
    }
  }

  /// Sends what is queued, as few calls as sensible.
  func flush() {
    while !writes.queue.isEmpty, writes.calls.count < WriteQueue.callsAtOnce,
      writes.calls.isEmpty || writes.queue.count >= WriteQueue.secondCallFrom
    {
      guard !pauses(), sendCall() else { return }
    }
  }

  /// Whether the next call should wait for more to come: it is then sent a little later.
  private func pauses() -> Bool {
    guard writes.lastSize >= WriteQueue.busyFrom, writes.queue.count < WriteQueue.fullFrom else {
      return false
    }
    let left = WriteQueue.pause - (BootClock.now() - writes.lastSent)
    guard left > .zero else { return false }
    guard !writes.isPausing else { return true }
    writes.isPausing = true
    let bound = bound
    eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(left.nanoseconds)) {
      bound.value.writes.isPausing = false
      bound.value.flush()
    }
    return true
  }

  /// Sends one call; `false` when everything queued has to wait for an earlier write of its own AoR.
  private func sendCall() -> Bool {
    var batch: [PendingWrite] = []
    var transactions: [FabricTransaction] = []
    var deferred: [PendingWrite] = []
    var taken = 0
    for write in writes.queue {
      guard batch.count < WriteQueue.batch else { break }
      taken += 1
      let shard = write.shard
      guard shard.generation == write.generation else {
        answer(write, .notPrimary)
        continue
      }
      guard writes.busyKeys.insert(write.key).inserted else {
        deferred.append(write)
        continue
      }
      batch.append(write)
      transactions.append(
        FabricTransaction(
          when: [.value(shard.fenceKey, shard.fenceValue), .modRevision(write.key, write.expecting)],
          then: [write.bytes.map { .put(write.key, $0) } ?? .delete(write.key)]
        )
      )
    }
    writes.queue.replaceSubrange(0..<taken, with: deferred)
    guard !batch.isEmpty else { return false }
    writes.lastCall += 1
    let call = writes.lastCall
    writes.calls[call] = batch
    let sentAt = BootClock.now()
    writes.lastSent = sentAt
    writes.lastSize = batch.count
    let bound = bound
    let door = door
    store.submit(transactions, urgent: false) { result in
      door.execute { bound.value.takeCall(call, result, sentAt: sentAt) }
    }
    return true
  }

  private func takeCall(
    _ call: UInt64,
    _ result: Result<[TransactionResult], FabricStoreError>,
    sentAt: Instant
  ) {
    let batch = writes.calls.removeValue(forKey: call) ?? []
    let latency = BootClock.now() - sentAt
    tally.batches += 1
    tally.batchNanoseconds &+= UInt64(max(0, latency.nanoseconds))
    onBatch?(batch.count, latency)
    switch result {
    case .success(let results) where results.count == batch.count:
      for (write, result) in zip(batch, results) { finish(write, result) }
    case .success:
      readBack(batch, because: FabricStoreError(.corrupt, "answers are missing", outcome: .unknown))
    case .failure(let error):
      logger.warning("writes have failed", metadata: ["error": "\(error)", "writes": "\(batch.count)"])
      if error.outcome == .notApplied {
        for write in batch { finish(write, .failed(error)) }
      } else {
        readBack(batch, because: error)
      }
    }
    flush()
  }

  private func finish(_ write: PendingWrite, _ result: TransactionResult) {
    switch result {
    case .applied(let revision):
      if revision > known.revision { writes.echoes.insert(revision) }
      finish(write, WriteOutcome.applied(revision))
    case .refused(let current, let revision):
      let fence = current.first { $0.key == write.shard.fenceKey }
      guard fence?.value == FabricCodec.encode(generation: write.generation) else {
        return finish(write, .notPrimary)
      }
      let entry = current.first { $0.key == write.key }
      learn(write.aor, entry?.value, at: entry?.modRevision ?? revision, write.shard)
      finish(write, .conflict(entry.map { StoredRecord(bytes: $0.value, revision: $0.modRevision) }))
    }
  }

  /// A write that was sent has its answer.
  func finish(_ write: PendingWrite, _ outcome: WriteOutcome) {
    writes.busyKeys.remove(write.key)
    if case .applied(let revision) = outcome { learn(write.aor, write.bytes, at: revision, write.shard) }
    answer(write, outcome)
  }

  private func answer(_ write: PendingWrite, _ outcome: WriteOutcome) {
    switch outcome {
    case .applied(let revision):
      tally.writesApplied += 1
      // What an audit compares with the store's history.
      logger.debug(
        "a write is durable",
        metadata: ["key": "\(write.key)", "revision": "\(revision)", "generation": "\(write.generation)"]
      )
    case .conflict: tally.writesConflicted += 1
    case .notPrimary: tally.writesNotPrimary += 1
    case .failed: tally.writesFailed += 1
    }
    write.completion(outcome)
    let shard = write.shard
    shard.outstanding -= 1
    if shard.isHeld, shard.outstanding == 0 { tellResolved(shard.id) }
  }
}

/// Holds.
extension FabricAgent {
  func hold(_ group: RoutingGroupID) {
    guard let shard = shards[group] else { return }
    shard.isHeld = true
    if shard.outstanding == 0 { tellResolved(group) }
  }

  func release(_ group: RoutingGroupID) {
    guard let shard = shards[group] else { return }
    shard.isHeld = false
    guard shard.generation != nil else { return refuseWaiting(shard) }
    let waiting = shard.waiting
    shard.waiting = []
    for write in waiting { enqueue(write, shard) }
  }

  func refuseWaiting(_ shard: GroupShard) {
    let waiting = shard.waiting
    shard.waiting = []
    for write in waiting {
      tally.writesNotPrimary += 1
      later(.notPrimary, write.completion)
    }
  }

  private func tellResolved(_ group: RoutingGroupID) {
    let bound = bound
    eventLoop.execute {
      guard let shard = bound.value.shards[group], shard.isHeld, shard.outstanding == 0 else { return }
      bound.value.tell(.writesResolved(group))
    }
  }
}
