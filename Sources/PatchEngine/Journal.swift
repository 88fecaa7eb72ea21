import FabricStore
import PatchRun
import PoolModel

/// A run's journal in the store, opened for writing by its coordinator. Every append compares the claim and the
/// coordinator's lease-attached key, so that a coordinator that was taken over, or whose lease ran out, writes nothing.
struct Journal: Sendable {
  let store: any FabricStore
  let run: String
  let generation: UInt64
  let clock: PoolClock
  var claimRevision: Revision
  var coordinatorRevision: Revision
  var count: Int
  var chain: String

  /// The most records of one transaction.
  private static let batch = 40

  /// What must hold for this coordinator to write.
  var fence: [Comparison] {
    [
      .modRevision(RunKey.claim, claimRevision),
      .modRevision(RunKey.coordinator, coordinatorRevision),
    ]
  }

  /// Makes records durable, in order, all of a step in one transaction where they fit.
  /// - Throws: `.fenced` when somebody else holds the claim now; `.unreachable` when it cannot be known.
  mutating func append(_ records: [JournalRecord], while holds: @Sendable () -> Bool)
    async throws(PatchEngineError)
  {
    var rest = records[...]
    while !rest.isEmpty {
      let part = rest.prefix(Self.batch)
      rest = rest.dropFirst(part.count)
      try await write(Array(part), while: holds)
    }
  }

  private mutating func write(_ records: [JournalRecord], while holds: @Sendable () -> Bool)
    async throws(PatchEngineError)
  {
    var next = self
    var operations: [FabricOperation] = []
    var absent: [Comparison] = []
    for record in records { try next.add(record, &operations, &absent) }
    let transaction = FabricTransaction(when: fence + absent, then: operations)
    while true {
      do throws(FabricStoreError) {
        let result = try await store.commit(transaction, urgent: true)
        if case .applied = result {
          self = next
          return
        }
        // Refused may also mean that an earlier try of ours was applied after all.
        guard try await isWritten(operations) else {
          throw FabricStoreError(.leaseNotFound, "refused")
        }
        self = next
        return
      } catch {
        if error.code == .leaseNotFound {
          throw PatchEngineError(
            .fenced,
            "another coordinator has taken the run \(run) over; this one stopped acting"
          )
        }
        guard error.code == .unavailable, holds(), !Task.isCancelled else {
          throw PatchEngineError(.unreachable, "the journal cannot be written: \(error.message)")
        }
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  private mutating func add(
    _ record: JournalRecord,
    _ operations: inout [FabricOperation],
    _ absent: inout [Comparison]
  ) throws(PatchEngineError) {
    count += 1
    let at = clock.now
    chain = try Self.link(chain, record, at: at, generation: generation)
    let stored = StoredRecord(at: at, generation: generation, chain: chain, record: record)
    let key = RunKey.record(run, count)
    operations.append(.put(key, try JSON.encode(stored)))
    if absent.isEmpty { absent.append(.absent(key)) }
    if case .forced = record {
      operations.append(.put(RunKey.audit(run, count), try JSON.encode(stored)))
    }
  }

  private func isWritten(_ operations: [FabricOperation]) async throws(FabricStoreError) -> Bool {
    guard case .put(let key, let value, _)? = operations.last else { return false }
    return try await store.read(key)?.value == value
  }

  /// The sum that goes with a record: FNV-1a over the one before it and the record's own bytes. It finds damage and
  /// careless edits; it is no signature.
  static func link(_ before: String, _ record: JournalRecord, at: PoolTime, generation: UInt64)
    throws(PatchEngineError) -> String
  {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    let bytes = Array("\(before) \(at.milliseconds) \(generation) ".utf8) + (try JSON.encode(record))
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return String(hash, radix: 16)
  }
}

/// Reads journals.
struct JournalReader: Sendable {
  let store: any FabricStore

  /// A run's entries, checked against their chain; empty when there is no such run.
  func entries(_ run: String) async throws(PatchEngineError) -> (entries: [JournalEntry], chain: String) {
    let reading: RangeReading
    do throws(FabricStoreError) { reading = try await store.readAll(RunKey.records(run)) } catch {
      throw PatchEngineError(.unreachable, "the journal cannot be read: \(error.message)")
    }
    var entries: [JournalEntry] = []
    var chain = ""
    for (index, entry) in reading.entries.enumerated() {
      let number = index + 1
      guard entry.key == RunKey.record(run, number) else {
        throw PatchEngineError(.journal, "run \(run), record \(number): it is missing")
      }
      let stored = try JSON.decode(StoredRecord.self, entry.value, "run \(run), record \(number)")
      chain = try Journal.link(chain, stored.record, at: stored.at, generation: stored.generation)
      guard chain == stored.chain else {
        throw PatchEngineError(.journal, "run \(run), record \(number): it was changed after it was written")
      }
      entries.append(
        JournalEntry(number: number, at: stored.at, generation: stored.generation, record: stored.record)
      )
    }
    return (entries, chain)
  }

  /// The report of a run.
  func report(_ run: String) async throws(PatchEngineError) -> RunReport {
    let entries = try await entries(run).entries
    guard !entries.isEmpty else { throw PatchEngineError(.unknown, "the fabric knows no run \(run)") }
    do throws(JournalFault) { return try RunReport(journal: entries) } catch {
      throw PatchEngineError(.journal, "run \(run), \(error)")
    }
  }
}
