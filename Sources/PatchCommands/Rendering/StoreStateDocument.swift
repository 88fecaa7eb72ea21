import FabricStore
import PoolModel

/// The fabric's store itself, as `--json` prints it under `store`.
struct StoreStateDocument: Encodable {
  struct Member: Encodable {
    var name: String
    var healthy: Bool
    var leader: Bool
    var size: Int64?
    /// The pool's server whose host it runs on.
    var server: String?
  }

  var name: String
  var members: [Member]
  var healthyMembers: Int
  /// Members that must be healthy for the store to take writes.
  var membersNeeded: Int
  var size: Int64
  var quota: Int64?
  var alarms: [String]

  init(_ status: StoreStatus, server: (StoreStatus.Member) -> ServerName?) {
    name = status.name
    members = status.members.map {
      Member(
        name: $0.name,
        healthy: $0.isHealthy,
        leader: $0.isLeader,
        size: $0.size,
        server: server($0)?.rawValue
      )
    }
    healthyMembers = status.members.count(where: \.isHealthy)
    membersNeeded = Quorum.majority(of: status.members.count)
    size = status.size
    quota = status.quota
    alarms = status.alarms
  }

  /// As text: a line for a store that is one file, a table for one of several members.
  var text: String {
    var lines = [""]
    if members.count > 1 {
      lines.append(
        "Store \(name): \(healthyMembers) of \(members.count) members healthy, \(membersNeeded) needed"
      )
      var table = TextTable([
        .init(heading: "MEMBER"), .init(heading: "STATUS"), .init(heading: "SIZE", side: .right),
        .init(heading: "HOST OF"),
      ])
      for member in members {
        table.add([
          member.name, member.leader ? "leader" : member.healthy ? "follower" : "down",
          member.size.map(Self.bytes) ?? "-", member.server ?? "-",
        ])
      }
      lines += table.lines
    } else {
      lines.append("Store \(name): \(Self.bytes(size))")
    }
    lines += alarms.map { "Store alarm: \($0)" }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func bytes(_ count: Int64) -> String {
    let mebibytes = Double(count) / 1_048_576
    return mebibytes < 1024
      ? "\((mebibytes * 10).rounded() / 10) MiB" : "\((mebibytes / 102.4).rounded() / 10) GiB"
  }
}
