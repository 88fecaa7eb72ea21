public import FabricStore
import Synchronization

/// Faults that a test injects into one client of a store in memory; the other clients do not feel them.
public final class FabricStoreFaults: Sendable {
  private struct Failure {
    var error: FabricStoreError
    var isApplied: Bool
    var prefix: String
  }

  private struct State {
    var failures: [Failure] = []
    var commitDelay: Duration = .zero
    var isPartitioned = false
    var commits = 0
  }

  private let state = Mutex(State())

  init() {}

  /// Lets a later commit fail; may be called several times, each call takes one commit.
  /// - Parameters:
  ///   - outcome: what the error says of it.
  ///   - isApplied: whether it is applied all the same; only with `.unknown`.
  ///   - code: the error's code.
  ///   - prefix: only a commit fails that writes a key that begins so.
  public func failNextCommit(
    outcome: FabricStoreError.Outcome,
    isApplied: Bool = false,
    code: FabricStoreError.Code = .unavailable,
    under prefix: String = ""
  ) {
    let error = FabricStoreError(code, "a fault injected by a test", outcome: outcome)
    let failure = Failure(error: error, isApplied: isApplied && outcome == .unknown, prefix: prefix)
    state.withLock { $0.failures.append(failure) }
  }

  /// Lets every commit wait before it is performed.
  public func delayCommits(by delay: Duration) { state.withLock { $0.commitDelay = delay } }

  /// Cuts the client off from the store: every call throws `.unavailable` and watches stand still until it is healed.
  public func partition(_ isOn: Bool = true) { state.withLock { $0.isPartitioned = isOn } }

  /// Whether the client is cut off.
  public var isPartitioned: Bool { state.withLock { $0.isPartitioned } }

  /// Commit calls so far.
  public var commitCount: Int { state.withLock { $0.commits } }

  func beforeCommit() -> Duration {
    state.withLock { state in
      state.commits += 1
      return state.commitDelay
    }
  }

  func checkReachable(outcome: FabricStoreError.Outcome = .notApplied) throws(FabricStoreError) {
    guard !isPartitioned else {
      throw FabricStoreError(.unavailable, "the client is cut off by a test", outcome: outcome)
    }
  }

  /// The error of this commit, and whether it is applied before the error is thrown.
  func nextFailure(_ transactions: [FabricTransaction]) -> (error: FabricStoreError, isApplied: Bool)? {
    state.withLock { state in
      guard let failure = state.failures.first else { return nil }
      let operations = transactions.lazy.flatMap(\.operations)
      guard failure.prefix.isEmpty || operations.contains(where: { $0.key.hasPrefix(failure.prefix) }) else {
        return nil
      }
      state.failures.removeFirst()
      return (failure.error, failure.isApplied)
    }
  }
}
