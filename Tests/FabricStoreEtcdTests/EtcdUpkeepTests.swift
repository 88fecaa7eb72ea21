import FabricStore
import Foundation
import Logging
import PoolTesting
import Synchronization
import Testing

@testable import FabricStoreEtcd

/// Background compaction, and a database that fills up, with a real etcd that has little room.
@Suite(
  "Upkeep of etcd",
  .serialized,
  .timeLimit(.minutes(2)),
  .enabled(if: EtcdCluster.program != nil, "etcd-server is not installed")
)
struct EtcdUpkeepTests {
  /// Keeps what is logged as a warning.
  private final class Warnings: LogHandler, Sendable {
    private let kept = Mutex<[String]>([])
    var texts: [String] { kept.withLock { $0 } }
    var metadata: Logger.Metadata {
      get { [:] }
      set {}
    }
    var logLevel: Logger.Level {
      get { .warning }
      set {}
    }
    subscript(metadataKey key: String) -> Logger.MetadataValue? {
      get { nil }
      set {}
    }
    func log(event: LogEvent) { kept.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") } }
  }

  private static let quota = 32 << 20

  private func open(_ etcd: EtcdCluster, history: Duration?, _ logger: Logger) async throws -> EtcdFabricStore
  {
    var configuration = EtcdConfiguration(endpoints: etcd.endpoints, prefix: "/upkeep")
    configuration.history = history
    for _ in 0..<200 {
      if let store = try? await EtcdFabricStore.open(configuration, logger: logger) { return store }
      try await Task.sleep(for: .milliseconds(50))
    }
    return try await EtcdFabricStore.open(configuration, logger: logger)
  }

  /// Waits for a while; the test goes on and says what it missed when it does not come.
  private func wait(until isTrue: () async -> Bool) async throws {
    for _ in 0..<150 where await !isTrue() { try await Task.sleep(for: .milliseconds(100)) }
  }

  @Test("History is compacted in the background; a filling database is warned of, a full one recovers")
  func upkeep() async throws {
    let etcd = try EtcdCluster(1, more: ["--quota-backend-bytes", "\(Self.quota)"])
    defer { etcd.remove() }
    let writer = try await open(etcd, history: nil, Logger(label: "writer") { _ in SwiftLogNoOpLogHandler() })
    let first = try #require(
      try await writer.commit([.init(then: [.put("k", [1])])], urgent: false)[0].revision
    )
    let value = [UInt8](repeating: 7, count: 250_000)
    // The file grows in steps, so it is looked at after each few writes.
    while try await writer.status().size < Int64(Self.quota / 100 * 72) {
      for _ in 0..<4 { _ = try await writer.commit([.init(then: [.put("k", value)])], urgent: false) }
    }
    #expect(try await writer.read(.prefix("k"), at: first, limit: 1).entries.first?.value == [1])
    #expect(try await writer.status().alarms.contains { $0.contains("% of its quota") })

    let warnings = Warnings()
    let keeper = try await open(etcd, history: .seconds(1), Logger(label: "keeper") { _ in warnings })
    func isCompacted() async -> Bool {
      do throws(FabricStoreError) { _ = try await writer.read(.prefix("k"), at: first, limit: 1) } catch {
        return error.code == .compacted
      }
      return false
    }
    try await wait(until: isCompacted)
    #expect(await isCompacted(), "history was not compacted in 15 s")
    try await wait { !warnings.texts.isEmpty }
    #expect(warnings.texts.contains { $0.contains("% of its quota") }, "\(warnings.texts)")
    await keeper.close()

    // A watch that begins in what was compacted is told so.
    var end: FabricStoreError.Code?
    do {
      for try await _ in writer.watch(.prefix("k"), from: first) { break }
    } catch let error as FabricStoreError { end = error.code }
    #expect(end == .compacted)

    // Compacted, but its pages are not free yet: a few values more and it is full.
    var refused: FabricStoreError?
    for number in 0..<160 where refused == nil {
      do throws(FabricStoreError) {
        _ = try await writer.commit([.init(then: [.put("full\(number)", value)])], urgent: false)
      } catch { refused = error }
    }
    #expect(refused?.code == .noSpace, "\(String(describing: refused))")
    #expect(try await writer.status().alarms.contains { $0.contains("NOSPACE") })
    for number in 0..<160 {
      // Deleting is allowed while space is out.
      _ = try await writer.commit([.init(then: [.delete("full\(number)")])], urgent: false)
    }
    try await writer.tidyUp { _ in }
    let status = try await writer.status()
    #expect(
      status.alarms.isEmpty && status.size < Int64(Self.quota / 2),
      "\(status.alarms), \(status.size) bytes"
    )
    _ = try await writer.commit([.init(then: [.put("k", value)])], urgent: false)
    await writer.close()
  }
}
