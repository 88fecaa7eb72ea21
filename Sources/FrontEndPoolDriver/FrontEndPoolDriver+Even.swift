public import PoolDriving
public import PoolModel
import PoolProcedures

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
      return try await follow(&procedure, under: fence, until: deadline, &report, progress)
    } catch {
      guard error.code == .timedOut else { throw error }
      try await follow(procedure.undo, under: fence, until: .now + undoTime)
      throw PoolDriverError(.timedOut, "primaries could not be evened out in time (\(report.lastMessage))")
    }
  }
}
