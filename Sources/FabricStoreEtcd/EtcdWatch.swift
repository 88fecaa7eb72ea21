import AsyncHTTPClient
import FabricStore
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import Synchronization

/// One watch: a connection of its own, opened again from the next revision when it breaks.
struct EtcdWatch: Sendable {
  let gateway: EtcdGateway
  let batch: EtcdBatch
  let range: KeyRange
  let from: Revision
  let logger: Logger

  /// The longest line taken: one revision may hold 64 keys of 1 MiB, in base64.
  private static let lineLimit = 128 << 20

  /// Follows until the consumer stops, the task is cancelled, or the revision is no longer kept.
  func run(_ continuation: AsyncThrowingStream<WatchBatch, any Error>.Continuation) async {
    var next = max(1, from)
    var pause = Duration.milliseconds(20)
    while !Task.isCancelled {
      do {
        let before = next
        try await follow(&next, continuation)
        if next > before { pause = .milliseconds(20) }
      } catch let error as FabricStoreError where error.code != .unavailable {
        continuation.finish(throwing: error)
        return
      } catch {
        logger.debug(
          "etcd watch broke; opening it again",
          metadata: ["error": "\(error)", "revision": "\(next)"]
        )
      }
      try? await Task.sleep(for: pause)
      pause = min(pause * 2, .seconds(1))
    }
    continuation.finish()
  }

  private func follow(
    _ next: inout Revision,
    _ continuation: AsyncThrowingStream<WatchBatch, any Error>.Continuation
  )
    async throws
  {
    let request = EtcdMessage.WatchRequest(
      create_request: .init(
        key: batch.wire(range.start),
        range_end: batch.wireEnd(range),
        start_revision: .init(next)
      )
    )
    let body = try await gateway.open("/v3/watch", request)
    var pending = ByteBuffer()
    for try await chunk in body {
      try Task.checkCancellation()
      pending.writeImmutableBuffer(chunk)
      guard pending.readableBytes <= Self.lineLimit else {
        throw FabricStoreError(.unavailable, "etcd: a line of a watch is over \(Self.lineLimit) bytes")
      }
      while let end = pending.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
        let length = end - pending.readerIndex
        guard let line = pending.readSlice(length: length) else { break }
        pending.moveReaderIndex(forwardBy: 1)
        try take(line, &next, continuation)
      }
      pending.discardReadBytes()
    }
  }

  private func take(
    _ line: ByteBuffer,
    _ next: inout Revision,
    _ continuation: AsyncThrowingStream<WatchBatch, any Error>.Continuation
  ) throws {
    guard line.readableBytes > 0 else { return }
    let message = try JSONDecoder().decode(EtcdMessage.Streamed<EtcdMessage.WatchResponse>.self, from: line)
    guard let response = message.result else {
      throw FabricStoreError(.unavailable, "etcd: watch: \(message.error?.text ?? "no reason given")")
    }
    if response.canceled == true {
      guard response.compact_revision == nil else {
        throw FabricStoreError(.compacted, "etcd: revision \(next) is no longer kept; read the range afresh")
      }
      throw FabricStoreError(
        .unavailable,
        "etcd ended a watch: \(response.cancel_reason ?? "no reason given")"
      )
    }
    let changes = (response.events ?? []).compactMap(change).filter {
      $0.revision >= next && range.contains($0.key)
    }
    guard let last = changes.last?.revision else { return }
    next = last + 1
    continuation.yield(WatchBatch(changes: changes, revision: last))
  }

  private func change(_ event: EtcdMessage.WatchResponse.Event) -> Change? {
    guard let pair = event.kv, let key = batch.key(pair.key) else { return nil }
    if event.type == "DELETE" { return .delete(key: key, revision: pair.mod_revision?.value ?? 0) }
    return batch.entry(pair).map { .put($0) }
  }
}

/// The tasks of a store's watches, so that closing it ends them.
final class EtcdWatchTasks: Sendable {
  private struct State {
    var tasks: [UInt64: Task<Void, Never>] = [:]
    var last: UInt64 = 0
    var isClosed = false
  }

  private let state = Mutex(State())

  func stream(_ watch: EtcdWatch) -> AsyncThrowingStream<WatchBatch, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task { await watch.run(continuation) }
      let (number, closed) = state.withLock { state in
        state.last += 1
        state.tasks[state.last] = task
        return (state.last, state.isClosed)
      }
      if closed { task.cancel() }
      continuation.onTermination = { [weak self] _ in
        task.cancel()
        self?.state.withLock { _ = $0.tasks.removeValue(forKey: number) }
      }
    }
  }

  func cancel() {
    let tasks = state.withLock { state in
      state.isClosed = true
      defer { state.tasks = [:] }
      return Array(state.tasks.values)
    }
    for task in tasks { task.cancel() }
  }
}
