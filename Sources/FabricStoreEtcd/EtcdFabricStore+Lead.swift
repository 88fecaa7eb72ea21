public import FabricStore
import Logging

/// Who leads the cluster.
extension EtcdFabricStore {
  private struct MoveLeader: Codable {
    var targetID: EtcdMessage.Number
  }

  /// Hands the lead to a healthy member that is not among `members`.
  public func moveLead(off members: Set<String>) async throws(FabricStoreError) {
    let list = try await memberList()
    let witnesses = await witnesses(of: list)
    guard let leader = witnesses.first(where: \.leads),
      let name = list.members?.first(where: { $0.ID.value == leader.id })?.name, members.contains(name)
    else { return }
    let names = Dictionary((list.members ?? []).map { ($0.ID.value, $0.name ?? "") }) { first, _ in first }
    guard let target = witnesses.first(where: { $0.hasLeader && !members.contains(names[$0.id] ?? name) })
    else {
      throw FabricStoreError(.unavailable, "etcd: no other healthy member can lead instead of \(name)")
    }
    logger.info("moves etcd's lead", metadata: ["from": "\(name)", "to": "\(names[target.id] ?? "")"])
    // Only the leader takes this.
    let _: EtcdMessage.HeaderOnly = try await gateway.ask(
      leader.url,
      "/v3/maintenance/transfer-leadership",
      MoveLeader(targetID: .init(target.id)),
      .reading
    )
  }
}
