import FabricRecords
import FabricStore
import FabricStoreSQLite
import PoolModel
import Replication
import Synchronization

/// Watches a pool's control records and notes when they come to be as a figure needs it, to the millisecond: asking
/// `fabric-state` again and again would measure the asking.
final class FabricTimeline: Sendable {
  private let store: SQLiteFabricStore
  private let watching: Task<Void, any Error>
  private let views: Watched

  private final class Watched: Sendable {
    let history = Mutex<[(at: ContinuousClock.Instant, view: FabricView)]>([])
  }

  /// Watches the fabric in the file at `path`, which must be there.
  init(_ path: String) async throws {
    store = try await SQLiteFabricStore(path: path)
    let store = store
    let views = Watched()
    self.views = views
    watching = Task {
      for try await image in FabricFollower(store: store).images() {
        views.history.withLock { $0.append((.now, image.view)) }
      }
    }
  }

  /// The first time after `start` that the view was so.
  func first(
    after start: ContinuousClock.Instant,
    where isTrue: (FabricView) -> Bool
  ) -> ContinuousClock.Instant? {
    views.history.withLock { history in history.first { $0.at >= start && isTrue($0.view) }?.at }
  }

  /// Waits for it.
  func wait(
    after start: ContinuousClock.Instant,
    within timeout: Duration = .seconds(60),
    where isTrue: (FabricView) -> Bool
  ) async throws -> ContinuousClock.Instant {
    let deadline = ContinuousClock.now + timeout
    while ContinuousClock.now < deadline {
      if let at = first(after: start, where: isTrue) { return at }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw BenchError("the fabric did not come to be as expected within \(timeout)")
  }

  /// The view that was noted at that time.
  func view(at time: ContinuousClock.Instant) -> FabricView? {
    views.history.withLock { history in history.first { $0.at == time }?.view }
  }

  /// Watches no more.
  func close() async {
    watching.cancel()
    await store.close()
  }
}

/// Why a figure could not be taken.
struct BenchError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

extension FabricView {
  /// How many groups a server leads.
  func primaries(of server: ServerName) -> Int { groups.values.count { $0.record.primary == server } }
  /// Every group is led by a live process, and by one that came after those up to `instance`.
  func isLed(byInstancesAfter instance: UInt64) -> Bool {
    !groups.isEmpty
      && groups.values.allSatisfy { group in
        guard let primary = group.record.primary, let process = live[primary] else { return false }
        return process.record.instance == group.record.primaryInstance && process.record.instance > instance
      }
  }
}
