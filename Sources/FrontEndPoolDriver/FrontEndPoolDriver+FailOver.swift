public import PoolDriving
public import PoolModel
import PoolProcedures

extension FrontEndPoolDriver {
  /// Marks the server as leaving under the gate's epoch, waits until its groups are led by others and its clients were
  /// moved, then marks it out. A server that does not run is marked out as soon as others lead its groups. By force it
  /// goes out, when its drain time is over, even if it leads groups that nobody else can lead.
  public func failOver(
    _ server: ServerName,
    act: Act,
    epoch: UInt64,
    drainTime: Duration,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) {
    let fence = try await admit(act)
    let mark = OutMark(
      by: act.by,
      reason: act.reason,
      since: try await poolTime(),
      act: act.identity,
      forced: act.forced,
      drainTime: drainTime
    )
    let procedure = FailOverProcedure(server: server, pool: pool, act: act, epoch: epoch, mark: mark)
    var report = ProgressReport()
    do throws(PoolDriverError) {
      try await perform(procedure, under: fence, drainTime: drainTime, until: deadline, &report, progress)
    } catch {
      guard error.code == .timedOut else { throw error }
      if try await takeBack(procedure, under: fence) { return }
      throw PoolDriverError(
        .timedOut,
        "\(server) could not be failed over in time (\(report.lastMessage)); it is back in service: \(error)"
      )
    }
  }

  private func perform(
    _ procedure: FailOverProcedure,
    under fence: ActFence,
    drainTime: Duration,
    until deadline: ContinuousClock.Instant,
    _ report: inout ProgressReport,
    _ progress: (DriverProgress) -> Void
  ) async throws(PoolDriverError) {
    var procedure = procedure
    guard try await follow(&procedure, under: fence, until: deadline, &report, progress) == .stranded else {
      return
    }
    // By force: groups that nobody else can lead go down with it, but its clients get their time.
    let drained = min(deadline, .now + drainTime + .seconds(2))
    procedure.stranded = .waits
    do throws(PoolDriverError) {
      _ = try await follow(&procedure, under: fence, until: drained, &report, progress)
      return
    } catch {
      guard error.code == .timedOut, drained < deadline else { throw error }
    }
    procedure.stranded = .goes
    _ = try await follow(&procedure, under: fence, until: deadline, &report, progress)
  }

  /// Puts a server that could not leave in time back in service. Answers whether it turned out to be out after all.
  private func takeBack(_ procedure: FailOverProcedure, under fence: ActFence) async throws(PoolDriverError)
    -> Bool
  {
    do throws(PoolDriverError) {
      var undo = procedure.undo
      var report = ProgressReport()
      return try await follow(&undo, under: fence, until: .now + undoTime, &report) { _ in }
    } catch {
      guard error.code == .timedOut else { throw error }
      throw PoolDriverError(
        .timedOut,
        "\(procedure.server) could not be failed over in time, nor be put back: \(error). It gives its groups away until"
          + " it is failed back: quorate failback \(procedure.server)"
      )
    }
  }
}
