import FabricStore
import PoolModel

/// Writes whose outcome nobody knows: a 200 needs proof, so they are read back before they are answered.
extension FabricAgent {
  private static let attempts = 4

  func readBack(_ batch: [PendingWrite], because error: FabricStoreError) {
    tally.writesReadBack += UInt64(batch.count)
    writes.lastCall += 1
    let call = writes.lastCall
    // Counts as a call under way: neither a hold nor another write of these AoRs gets past it.
    writes.calls[call] = batch
    let keys = batch.map(\.key)
    let store = store
    run { () async -> [RangeReading]? in
      var readings: [RangeReading] = []
      for attempt in 0..<Self.attempts {
        if attempt > 0 { try? await Task.sleep(for: .milliseconds(50 << attempt)) }
        do throws(FabricStoreError) {
          for key in keys[readings.count...] {
            readings.append(try await store.read(.key(key), at: nil, limit: 1))
          }
          return readings
        } catch {
          continue
        }
      }
      return nil
    } then: { agent, readings in
      agent.takeReadBack(call, readings, because: error)
    }
  }

  private func takeReadBack(_ call: UInt64, _ readings: [RangeReading]?, because error: FabricStoreError) {
    let batch = writes.calls.removeValue(forKey: call) ?? []
    for (position, write) in batch.enumerated() {
      guard let readings, readings.indices.contains(position) else {
        finish(write, .failed(error))
        continue
      }
      finish(write, outcome(of: write, in: readings[position], because: error))
    }
    flush()
  }

  private func outcome(of write: PendingWrite, in reading: RangeReading, because error: FabricStoreError)
    -> WriteOutcome
  {
    let entry = reading.entries.first
    if entry?.value == write.bytes {
      guard let entry else { return write.expecting == 0 ? .failed(error) : .applied(reading.revision) }
      // Unchanged at the revision expected, the same bytes were there before: then it was not written, and may be yet.
      return entry.modRevision == write.expecting ? .failed(error) : .applied(entry.modRevision)
    }
    // Still as it was: the commit may yet land, so it is not safe to say that it did not.
    if (entry?.modRevision ?? 0) == write.expecting { return .failed(error) }
    learn(write.aor, entry?.value, at: entry?.modRevision ?? reading.revision, write.shard)
    return .conflict(entry.map { StoredRecord(bytes: $0.value, revision: $0.modRevision) })
  }
}
