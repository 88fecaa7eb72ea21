import FabricStore
import PoolModel
import Synchronization

/// Keeps the coordinator's lease alive and knows until when it holds. Counted from when the last renewal that succeeded
/// was *sent*, less a margin: it ends here before it ends at the store.
final class LeaseKeeper: Sendable {
  let grant: LeaseGrant
  private let store: any FabricStore
  private let deadline: Mutex<Instant>

  init(store: any FabricStore, grant: LeaseGrant, askedAt: Instant) {
    self.store = store
    self.grant = grant
    deadline = Mutex(askedAt + (grant.ttl - grant.ttl / 8))
  }

  /// Whether this coordinator may act at this moment.
  var holds: Bool { BootClock.now < deadline.withLock { $0 } }

  /// Renews until the lease is lost; returns then, or when the task is cancelled.
  func keep() async {
    while !Task.isCancelled {
      do { try await Task.sleep(for: grant.ttl / 4) } catch { return }
      let sent = BootClock.now
      do {
        try await store.keepAlive(grant.id)
        deadline.withLock { $0 = sent + (grant.ttl - grant.ttl / 8) }
      } catch {
        if error.code == .leaseNotFound { break }
      }
      if !holds { break }
    }
    deadline.withLock { $0 = min($0, BootClock.now) }
  }
}
