import FabricRecords
public import PoolDriving
public import PoolModel
import Replication

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
    guard try await run(&procedure, under: fence, until: deadline, &report, progress) == .stranded else {
      return
    }
    // By force: groups that nobody else can lead go down with it, but its clients get their time.
    let drained = min(deadline, .now + drainTime + .seconds(2))
    procedure.stranded = .waits
    do throws(PoolDriverError) {
      _ = try await run(&procedure, under: fence, until: drained, &report, progress)
      return
    } catch {
      guard error.code == .timedOut, drained < deadline else { throw error }
    }
    procedure.stranded = .goes
    _ = try await run(&procedure, under: fence, until: deadline, &report, progress)
  }

  private enum Ending { case done, stranded }

  private func run(
    _ procedure: inout FailOverProcedure,
    under fence: ActFence,
    until deadline: ContinuousClock.Instant,
    _ report: inout ProgressReport,
    _ progress: (DriverProgress) -> Void
  ) async throws(PoolDriverError) -> Ending {
    try await follow(until: deadline) { image async throws(PoolDriverError) -> Ending? in
      switch try procedure.next(image.view) {
      case .commit(let update):
        _ = try await commit([update], over: image, under: fence, until: deadline)
        return nil
      case .wait(let news):
        report.say(news, to: progress)
        return nil
      case .stranded: return .stranded
      case .done: return .done
      }
    }
  }

  /// Puts a server that could not leave in time back in service. Answers whether it turned out to be out after all.
  private func takeBack(_ procedure: FailOverProcedure, under fence: ActFence) async throws(PoolDriverError)
    -> Bool
  {
    let until = ContinuousClock.now + undoTime
    do throws(PoolDriverError) {
      return try await follow(until: until) { image async throws(PoolDriverError) -> Bool? in
        guard let undo = procedure.undo(image.view) else { return procedure.isDone(image.view) }
        _ = try await commit([undo], over: image, under: fence, until: until)
        return nil
      }
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
