import FabricStore
import FrontEndPoolDriver
import PatchEngine
import PatchRun
import PoolModel

/// An act on a pool that is not a run of the engine: removing and adding servers, rebuilding replicas. It is fenced by a
/// lease's generation as runs are, and does not begin while a run is unfinished.
enum AdministrativeAct {
  /// Names the act, gives it to `body`, and ends its lease.
  static func perform<Result: Sendable>(
    _ connection: PoolConnection,
    reason: String,
    forced: Bool = false,
    _ body: (Act) async throws -> Result
  ) async throws -> Result {
    if let run = try await connection.engine.runs().first(where: { !$0.outcome.isEnd }) {
      throw CommandFailure(
        .refused,
        "run \(run.run) (\(run.kind.rawValue)) of \(run.by) is unfinished since \(run.began.text); go on with it or give it "
          + "up first: quorate runs resume, quorate runs abort"
      )
    }
    let lease = try await connection.store.grantLease(ttl: .seconds(60))
    let now = try await connection.store.now()
    let identity = ActIdentity(
      run: "\(PoolTime(milliseconds: now.milliseconds).compact)-admin",
      sequence: 1,
      generation: lease.generation
    )
    let act = Act(identity: identity, by: Operator.name, reason: reason, forced: forced)
    do {
      let result = try await body(act)
      try? await connection.store.revoke(lease.id)
      return result
    } catch {
      try? await connection.store.revoke(lease.id)
      throw error
    }
  }
}
