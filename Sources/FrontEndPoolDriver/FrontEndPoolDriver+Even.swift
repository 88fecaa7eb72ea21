import FabricRecords
public import PoolDriving
public import PoolModel
import Replication

extension FrontEndPoolDriver {
  /// Spreads primaries evenly over the servers in service, with the fewest moves. Returns how many groups moved. What was
  /// asked for and did not happen in time is taken back.
  public func even(
    act: Act,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) -> Int {
    let fence = try await admit(act)
    return try await spread(under: fence, deadline: deadline, progress: progress)
  }

  /// Spreads primaries evenly; what was asked for and did not happen in time is taken back.
  func spread(
    under fence: ActFence,
    deadline: ContinuousClock.Instant,
    progress: (DriverProgress) -> Void
  ) async throws(PoolDriverError) -> Int {
    var procedure = EvenProcedure()
    var report = ProgressReport()
    do throws(PoolDriverError) {
      return try await follow(until: deadline) { image async throws(PoolDriverError) -> Int? in
        switch procedure.next(image.view) {
        case .commit(let updates):
          _ = try await commit(updates, over: image, under: fence, until: deadline)
          return nil
        case .wait(let news):
          report.say(news, to: progress)
          return nil
        case .done(let moved): return moved
        }
      }
    } catch {
      guard error.code == .timedOut else { throw error }
      let until = ContinuousClock.now + undoTime
      let unfinished = procedure
      try await follow(until: until) { image async throws(PoolDriverError) -> Void? in
        let withdrawal = unfinished.withdrawal(image.view)
        guard !withdrawal.isEmpty else { return () }
        _ = try await commit(withdrawal, over: image, under: fence, until: until)
        return nil
      }
      throw PoolDriverError(.timedOut, "primaries could not be evened out in time (\(report.lastMessage))")
    }
  }
}
