import FabricRecords
import Logging
import NIOCore
import PoolModel
import Replication

/// The machine's events in, its directives performed.
extension FabricAgent {
  func tell(_ event: ReplicationMachine.Event) {
    eventLoop.preconditionInEventLoop()
    events.append(event)
    guard !isPerforming else { return }
    isPerforming = true
    defer { isPerforming = false }
    while !events.isEmpty {
      let event = events.removeFirst()
      let directives = machine.handle(event, at: BootClock.now())
      known.refresh(from: machine)
      for directive in directives { perform(directive) }
    }
  }

  private func perform(_ directive: ReplicationMachine.Directive) {
    switch directive {
    case .commit(let updates): commit(updates)
    case .loadReplica(let group): load(group)
    case .dropReplica(let group): drop(group)
    case .lead(let group, let generation): lead(group, generation)
    case .stopLeading(let group): stopLeading(group)
    case .hold(let group): hold(group)
    case .release(let group): release(group)
    case .routeChanged(let group): onRouteChange?(group)
    case .service(let service): onServiceChange?(service)
    case .announce(let drained, let offset): announce(drained: drained, clockOffset: offset)
    case .stopFinished: finishStop()
    case .nextTick(let instant): tick(at: instant)
    }
  }

  private func tick(at instant: Instant) {
    tickTask?.cancel()
    guard !isStopped else { return }
    let delay = max(0, (instant - BootClock.now()).nanoseconds)
    let bound = bound
    tickTask = eventLoop.scheduleTask(in: .nanoseconds(delay)) { bound.value.tell(.tick) }
  }

  private func lead(_ group: RoutingGroupID, _ generation: UInt64) {
    guard let shard = shards[group] else { return }
    shard.generation = generation
    shard.fenceValue = FabricCodec.encode(generation: generation)
    tally.groupsGained += 1
    logger.info("leads a group", metadata: ["group": "\(group)", "generation": "\(generation)"])
  }

  private func stopLeading(_ group: RoutingGroupID) {
    guard let shard = shards[group] else { return }
    logger.info("leads a group no more", metadata: ["group": "\(group)"])
    shard.generation = nil
    refuseWaiting(shard)
  }

  private func drop(_ group: RoutingGroupID) {
    guard let shard = shards.removeValue(forKey: group) else { return }
    shard.generation = nil
    refuseWaiting(shard)
  }
}
