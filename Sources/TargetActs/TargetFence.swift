public import PoolModel

/// Where the fence of a server is on the server's machine, and whose act goes through it.
///
/// A fence is a lock file and the highest generation that acted. It is what stops a coordinator that was frozen between its
/// last look at the store and its act: by the time it wakes up, its successor has acted on the server under a higher
/// generation.
public struct TargetFence: Hashable, Sendable {
  /// The path of its files, without ending (`.lock`, `.state`); absolute.
  public var path: String
  /// The act. `nil` for what belongs to no run, for example `quorate pool start`: it waits for acts, refuses none and
  /// ends none.
  public var act: ActIdentity?

  /// A fence at `path`.
  public init(path: String, act: ActIdentity?) {
    self.path = path
    self.act = act
  }

  /// The fence of a server of a pool, or of what runs once for the whole pool, in a directory that all operators share.
  public init(in directory: String, pool: PoolName, server: ServerName?, act: ActIdentity?) {
    self.init(path: "\(directory)/act-\(pool)-\(server?.rawValue ?? "run")", act: act)
  }

  /// What the script reads.
  var environment: [String: String] {
    [
      "QUORATE_LOCK": path,
      "QUORATE_GENERATION": act.map { "\($0.generation)" } ?? "",
      "QUORATE_RUN": act?.run ?? "",
      "QUORATE_ACT": act.map { "\($0.sequence)" } ?? "",
      "QUORATE_TIMEOUT": "",
    ]
  }
}
