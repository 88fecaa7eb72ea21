import FabricRecords
import FabricStore
import Logging
import NIOCore
import PoolModel
import Replication

/// The server's live record: what it should say and what it says.
struct LiveKeeping {
  var instance: UInt64?
  var drained = false
  /// What became of the clients, from when the server has drained.
  var clients: ClientTally?
  var clockOffset = Duration.zero
  var bindings = 0
  var written: LiveRecord?
  /// The revision it was written at: another process of the same name must not be overwritten.
  var revision: Revision = 0
  var isWriting = false
  var refreshedAt = Instant(nanoseconds: 0)
  /// Called once when the record stands for the first time.
  var onFirst: ((FabricAgent) -> Void)?

  mutating func begin(instance: UInt64) {
    self.instance = instance
    written = nil
    drained = false
    clients = nil
  }

  mutating func end() {
    instance = nil
    written = nil
    onFirst = nil
  }
}

extension FabricAgent {
  func announce(drained: Bool, clockOffset: Duration) {
    live.drained = drained
    if !drained { live.clients = nil }
    live.clockOffset = clockOffset
    writeLive()
  }

  /// Brings the count of bindings up to date, every 5 s, and writes again what could not be written.
  func refreshLive() {
    let now = BootClock.now()
    if now - live.refreshedAt >= .seconds(5) {
      live.refreshedAt = now
      live.bindings = recordsLed
    }
    writeLive()
  }

  private var wantedLive: LiveRecord? {
    guard let instance = live.instance else { return nil }
    return LiveRecord(
      name: configuration.server,
      instance: instance,
      version: configuration.version,
      peerAddress: configuration.peerAddress,
      sipAddress: configuration.sipAddress,
      processID: configuration.processID,
      bindings: live.bindings,
      clockOffsetMilliseconds: live.clockOffset.milliseconds,
      drained: live.drained,
      clients: live.clients
    )
  }

  /// Writes the live record if it should say something else; one writing at a time.
  func writeLive() {
    guard let wanted = wantedLive, wanted != live.written, !live.isWriting, let grant = lease.grant else {
      return
    }
    live.isWriting = true
    let key = FabricKey.live(configuration.server).text
    let value = FabricCodec.encode(wanted, over: values[key])
    let conditions: [Comparison] = live.written == nil ? [] : [.modRevision(key, live.revision)]
    let transaction = FabricTransaction(when: conditions, then: [.put(key, value, lease: grant.id)])
    let store = store
    run {
      do throws(FabricStoreError) {
        return .success(try await store.commit(transaction, urgent: true))
      } catch {
        return .failure(error)
      }
    } then: { (agent: FabricAgent, result: Result<TransactionResult, FabricStoreError>) in
      agent.live.isWriting = false
      guard agent.lease.grant?.id == grant.id else { return agent.writeLive() }
      agent.takeLiveWritten(wanted, result)
    }
  }

  private func takeLiveWritten(_ wanted: LiveRecord, _ result: Result<TransactionResult, FabricStoreError>) {
    switch result {
    case .success(.applied(let revision)):
      live.written = wanted
      live.revision = revision
      let first = live.onFirst
      live.onFirst = nil
      first?(self)
      writeLive()
    case .success(.refused(let current, _)):
      // Gone with its lease, or written by another process, or by an earlier try of ours that was not answered.
      guard let entry = current.first else { return loseLease() }
      let record = try? FabricCodec.decodeLive(entry.value, name: configuration.server)
      guard record?.instance == wanted.instance else { return noticeSuperseded(by: record?.instance ?? .max) }
      live.revision = entry.modRevision
      live.written = record
      writeLive()
    case .failure(let error):
      logger.warning("could not write the live record", metadata: ["error": "\(error)"])
      if error.code == .leaseNotFound { loseLease() } else { writeLiveLater() }
    }
  }

  private func writeLiveLater() {
    let bound = bound
    eventLoop.scheduleTask(in: .milliseconds(100)) { bound.value.writeLive() }
  }
}
