import FabricStore
import PatchRun
import PoolModel

/// The store's own members, as far as they run on the pool's hosts.
struct SeedWatch: Sendable {
  let store: any FabricStore
  /// The pool's server that a member goes down with.
  let server: @Sendable (StoreStatus.Member) -> ServerName?

  /// The members for the gate; `nil` when the store has no say: it is one that stands apart.
  func members() async -> [SeedMember]? {
    guard let status = try? await store.status() else { return nil }
    let members = status.members.map {
      SeedMember(name: $0.name, isHealthy: $0.isHealthy, server: server($0))
    }
    return members.count > 1 || members.contains { $0.server != nil } ? members : nil
  }

  /// Has another member lead the store before the host of `name` goes. One that cannot be moved is no reason to stop: the
  /// gate has made sure that the others elect a leader without it.
  func vacate(_ name: ServerName) async {
    guard let status = try? await store.status() else { return }
    let leaving = status.members.filter { server($0) == name }
    guard leaving.contains(where: \.isLeader) else { return }
    try? await store.moveLead(off: Set(leaving.map(\.name)))
  }
}
