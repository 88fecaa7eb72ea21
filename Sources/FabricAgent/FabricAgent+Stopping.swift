import FabricStore
public import NIOCore
import PoolModel
import Replication

extension FabricAgent {
  /// Stops: offers the groups it leads to others, waits for them a bounded time (`stopPatience`), gives its lease back.
  /// The future succeeds on the loop, always.
  public func stop() -> EventLoopFuture<Void> {
    eventLoop.preconditionInEventLoop()
    if let stopPromise { return stopPromise.futureResult }
    let promise = eventLoop.makePromise(of: Void.self)
    stopPromise = promise
    guard isStarted else {
      isStopped = true
      promise.succeed()
      return promise.futureResult
    }
    let bound = bound
    eventLoop.scheduleTask(in: .nanoseconds(configuration.stopPatience.nanoseconds)) {
      bound.value.finishStop()
    }
    tell(.stopRequested)
    return promise.futureResult
  }

  /// Ends it for good: nothing of what the store still answers comes onto the loop any more. Call it when the loop is about to end.
  public func end() { door.close() }

  func finishStop() {
    guard !isStopped, let promise = stopPromise else { return }
    let grant = lease.grant
    loseLeaseForGood()
    isStopped = true
    tickTask?.cancel()
    for task in tasks { task.cancel() }
    tasks = []
    guard let grant else { return promise.succeed() }
    let store = store
    let door = door
    let bounded = eventLoop.scheduleTask(in: .seconds(1)) { promise.succeed() }
    Task {
      try? await store.revoke(grant.id)
      door.execute {
        bounded.cancel()
        promise.succeed()
      }
    }
  }

  private func loseLeaseForGood() {
    lease.grant = nil
    live.end()
    tell(.leaseLost)
  }
}
