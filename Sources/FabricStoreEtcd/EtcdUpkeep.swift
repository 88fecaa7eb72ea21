import FabricStore
import Logging

/// Compacts etcd's history in the background and warns of a database that fills up. Every server of a pool does it: a
/// second compaction to the same revision costs etcd nothing. A revision is given up only when it was the newest longer ago
/// than the history that is to be kept, so a watch that lags less than that loses nothing; one that lags more is told, and
/// reads afresh.
struct EtcdUpkeep: Sendable {
  let history: Duration
  let logger: Logger

  private static let rounds = 4
  private static let warnEvery = 16

  /// Runs until the task is cancelled.
  func run(_ store: EtcdFabricStore) async {
    var marks: [(at: ContinuousClock.Instant, revision: Revision)] = []
    var round = 0
    while !Task.isCancelled {
      try? await Task.sleep(for: max(.seconds(1), history / Self.rounds))
      guard !Task.isCancelled, let revision = try? await store.revision() else { continue }
      let now = ContinuousClock.now
      marks.append((now, revision))
      var edge: Revision?
      while let first = marks.first, now - first.at >= history {
        edge = first.revision
        marks.removeFirst()
      }
      if let edge {
        do throws(FabricStoreError) {
          try await store.compact(before: edge)
        } catch {
          logger.debug("could not compact etcd", metadata: ["error": "\(error)"])
        }
      }
      round += 1
      guard round % Self.warnEvery == 1, let status = try? await store.status() else { continue }
      for alarm in status.alarms { logger.warning("etcd", metadata: ["alarm": "\(alarm)"]) }
    }
  }
}
