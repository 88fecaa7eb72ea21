import AsyncHTTPClient
import FabricStore
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import Synchronization

/// One watch: a connection of its own, opened again from the next revision when it breaks, or when the member at its other
/// end fell silent or lost the cluster.
struct EtcdWatch: Sendable {
  let gateway: EtcdGateway
  let batch: EtcdBatch
  let range: KeyRange
  let from: Revision
  let logger: Logger

  typealias Continuation = AsyncThrowingStream<WatchBatch, any Error>.Continuation

  /// The longest line taken: one revision may hold 64 keys of 1 MiB, in base64.
  private static let lineLimit = 128 << 20
  /// How often the member is asked whether it is there and has a leader.
  private static let probeInterval = Duration.milliseconds(500)

  /// Follows until the consumer stops, the task is cancelled, or the revision is no longer kept.
  func run(_ continuation: Continuation) async {
    let next = Mutex(max(1, from))
    var pause = Duration.milliseconds(20)
    while !Task.isCancelled {
      let before = next.withLock { $0 }
      do {
        try await follow(next, continuation)
      } catch let error as FabricStoreError where error.code != .unavailable {
        continuation.finish(throwing: error)
        return
      } catch {
        logger.debug(
          "etcd watch broke; opening it again",
          metadata: ["error": "\(error)", "revision": "\(before)"]
        )
      }
      if next.withLock({ $0 }) > before { pause = .milliseconds(20) }
      try? await Task.sleep(for: pause)
      pause = min(pause * 2, .seconds(1))
    }
    continuation.finish()
  }

  private func follow(_ next: borrowing Mutex<Revision>, _ continuation: Continuation) async throws {
    let request = EtcdMessage.WatchRequest(
      create_request: .init(
        key: batch.wire(range.start),
        range_end: batch.wireEnd(range),
        start_revision: .init(next.withLock { $0 })
      )
    )
    let (index, body) = try await gateway.open("/v3/watch", request)
    let reading = EtcdWatchReading(batch: batch, range: range, next: next.withLock { $0 })
    defer { next.withLock { $0 = reading.next } }
    try await withThrowingTaskGroup { group in
      group.addTask { try await read(body, reading, continuation) }
      group.addTask { try await probe(index) }
      // Whichever ends first: the stream breaks, or the member is of no use any more.
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func read(
    _ body: HTTPClientResponse.Body,
    _ reading: EtcdWatchReading,
    _ continuation: Continuation
  )
    async throws
  {
    var pending = ByteBuffer()
    for try await chunk in body {
      try Task.checkCancellation()
      pending.writeImmutableBuffer(chunk)
      guard pending.readableBytes <= Self.lineLimit else {
        throw FabricStoreError(.unavailable, "etcd: a line of a watch is over \(Self.lineLimit) bytes")
      }
      while let length = pending.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
        guard let line = pending.readSlice(length: length - pending.readerIndex) else { break }
        pending.moveReaderIndex(forwardBy: 1)
        if let batch = try reading.take(line) { continuation.yield(batch) }
      }
      pending.discardReadBytes()
    }
  }

  /// A member that hangs, or that a partition cut off from its leader, keeps the stream open and says nothing.
  private func probe(_ index: Int) async throws {
    var misses = 0
    var last = "it has no leader"
    while misses < 2 {
      try await Task.sleep(for: Self.probeInterval)
      do throws(FabricStoreError) {
        let status: EtcdMessage.StatusResponse = try await gateway.ask(
          gateway.endpoint(index),
          "/v3/maintenance/status",
          EtcdMessage.Nothing()
        )
        misses = (status.leader?.value ?? 0) == 0 ? misses + 1 : 0
      } catch {
        // A member of another cluster, or one that went back.
        guard error.code == .unavailable else { throw error }
        last = error.message
        misses += 1
      }
    }
    let error = FabricStoreError(.unavailable, "etcd at \(gateway.endpoint(index)): \(last)")
    gateway.leave(index, because: error)
    throw error
  }
}

/// What a watch has read, line by line.
final class EtcdWatchReading: Sendable {
  private let batch: EtcdBatch
  private let range: KeyRange
  private let place: Mutex<Revision>

  init(batch: EtcdBatch, range: KeyRange, next: Revision) {
    self.batch = batch
    self.range = range
    place = Mutex(next)
  }

  /// The revision that is told next.
  var next: Revision { place.withLock { $0 } }

  func take(_ line: ByteBuffer) throws -> WatchBatch? {
    guard line.readableBytes > 0 else { return nil }
    if let events = EtcdEventText.events(in: Array(line.readableBytesView)) {
      return told(try events.compactMap(change))
    }
    let message = try JSONDecoder().decode(EtcdMessage.Streamed<EtcdMessage.WatchResponse>.self, from: line)
    guard let response = message.result else {
      throw FabricStoreError(.unavailable, "etcd: watch: \(message.error?.text ?? "no reason given")")
    }
    let next = next
    if response.canceled == true {
      guard response.compact_revision == nil else {
        throw FabricStoreError(.compacted, "etcd: revision \(next) is no longer kept; read the range afresh")
      }
      throw FabricStoreError(
        .unavailable,
        "etcd ended a watch: \(response.cancel_reason ?? "no reason given")"
      )
    }
    return told((response.events ?? []).compactMap(change))
  }

  private func told(_ changes: [Change]) -> WatchBatch? {
    let next = next
    let changes = changes.filter { $0.revision >= next && range.contains($0.key) }
    guard let last = changes.last?.revision else { return nil }
    place.withLock { $0 = last + 1 }
    return WatchBatch(changes: changes, revision: last)
  }

  private func change(_ event: EtcdEventText.Event) throws(FabricStoreError) -> Change? {
    guard let key = Base64.bytes(event.key), let value = Base64.bytes(event.value) else {
      throw FabricStoreError(.unavailable, "etcd: a watch told what is no base64")
    }
    guard let key = batch.key(key) else { return nil }
    if event.isDeletion { return .delete(key: key, revision: event.modRevision) }
    return .put(
      Entry(
        key: key,
        value: value,
        createRevision: event.createRevision,
        modRevision: event.modRevision,
        lease: event.lease == 0 ? nil : LeaseID(event.lease)
      )
    )
  }

  private func change(_ event: EtcdMessage.WatchResponse.Event) -> Change? {
    guard let pair = event.kv, let key = batch.key(pair.key) else { return nil }
    if event.type == "DELETE" { return .delete(key: key, revision: pair.mod_revision?.value ?? 0) }
    return batch.entry(pair).map { .put($0) }
  }
}
