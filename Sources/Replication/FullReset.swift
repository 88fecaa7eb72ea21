public import PoolModel

/// Rebuilds every replica of a server from the store without a break in service: the caller goes through the servers
/// one by one, and for each asks for steps until nothing remains, committing each step's updates and waiting until every
/// group is healthy again in between.
public enum FullReset {
  /// What to do next for one server.
  public struct Step: Hashable, Sendable {
    /// Transactions to commit.
    public var updates: [FabricUpdate]
    /// Groups whose replica on the server is told to load again by these updates: done, once they are applied.
    public var rebuilt: [RoutingGroupID]
    /// Groups still to do after this step, for now because they are not healthy or because the server leads them.
    public var remaining: [RoutingGroupID]
  }

  /// The next step.
  /// - Parameters:
  ///   - server: whose replicas.
  ///   - view: the fabric now.
  ///   - done: groups whose replica there was rebuilt already.
  public static func step(on server: ServerName, in view: FabricView, done: Set<RoutingGroupID>) -> Step {
    var step = Step(updates: [], rebuilt: [], remaining: [])
    let load = Placement.Load(of: view)
    for group in view.groups.values.sorted(by: { $0.record.id < $1.record.id }) {
      var record = group.record
      guard !done.contains(record.id),
        let position = record.replicas.firstIndex(where: { $0.server == server })
      else { continue }
      let others = record.replicas.filter { $0.server != server }
      guard view.hasLiveLeader(record), record.swap == nil, !others.isEmpty,
        others.allSatisfy({ view.isUp($0) })
      else {
        step.remaining.append(record.id)
        continue
      }
      if record.primary == server {
        step.remaining.append(record.id)
        record.preferredPrimary = nil
        let next = Placement.promotionTarget(for: record, in: view, load: load, except: server)
        guard let next, group.record.preferredPrimary != next else { continue }
        record.preferredPrimary = next
        step.updates.append(update(record, at: group.revision, epoch: false))
      } else {
        record.replicas[position].builtBy = 0
        if record.preferredPrimary == server { record.preferredPrimary = nil }
        step.rebuilt.append(record.id)
        step.updates.append(update(record, at: group.revision, epoch: true))
      }
    }
    return step
  }

  private static func update(_ record: GroupRecord, at revision: UInt64, epoch: Bool) -> FabricUpdate {
    FabricUpdate(
      when: [.groupIs(record.id, revision: revision), .generationIs(record.id, record.generation)],
      write: [.group(record, fencing: false)] + (epoch ? [.epoch] : [])
    )
  }
}
