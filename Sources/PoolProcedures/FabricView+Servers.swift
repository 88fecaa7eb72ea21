public import PoolModel
public import Replication

/// What the verbs ask of a view.
extension FabricView {
  /// Groups whose record names `server` as primary, whether it lives or not.
  public func groupsLed(by server: ServerName) -> [GroupRecord] {
    groups.values.lazy.map { $0.record }.filter { $0.primary == server }
  }

  /// Groups that have a replica on `server`.
  public func groupsPlaced(on server: ServerName) -> [GroupRecord] {
    groups.values.lazy.map { $0.record }.filter { $0.replicas.contains { $0.server == server } }
  }

  /// Whether nobody but `server` could lead the group now.
  public func isStranded(_ group: GroupRecord, without server: ServerName) -> Bool {
    !group.replicas.contains { $0.server != server && isUp($0) && takesPrimaries($0.server) }
  }

  /// How many replicas of groups on `server` have caught up with its running process, and of how many.
  public func caughtUp(on server: ServerName) -> (done: Int, total: Int) {
    let placed = groupsPlaced(on: server)
    guard let instance = live[server]?.record.instance else { return (0, placed.count) }
    let done = placed.count { $0.replicas.contains { $0.server == server && $0.builtBy == instance } }
    return (done, placed.count)
  }
}

extension ServiceState {
  /// `out by root@host since …: reason`, for messages.
  public var sentence: String {
    switch self {
    case .inService: "in service"
    case .leaving(let mark): "being failed over by \(mark.by) (\(mark.reason))"
    case .out(let mark): "out by \(mark.by) (\(mark.reason))"
    }
  }
}
