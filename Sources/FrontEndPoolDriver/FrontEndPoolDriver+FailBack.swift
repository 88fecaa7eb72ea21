import FabricRecords
public import PoolDriving
public import PoolModel
import PoolProcedures
import Replication

extension FrontEndPoolDriver {
  /// Waits until every replica of the server has caught up with its running process, marks it in service, evens out if
  /// asked to, and proves it. If that fails, the server gets the mark back that it had.
  public func failBack(
    _ server: ServerName,
    act: Act,
    even: Bool,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) {
    let fence = try await admit(act)
    // A stop that an older coordinator ordered must not meet a server that is back in service.
    guard try await image().view.servers[server] != nil else {
      throw PoolDriverError.unknown(server, in: pool)
    }
    try await control.fence(server, act: act.identity, deadline: deadline)
    var procedure = FailBackProcedure(server: server, pool: pool)
    var report = ProgressReport()
    let sipAddress: String
    do throws(PoolDriverError) {
      sipAddress = try await follow(&procedure, under: fence, until: deadline, &report, progress)
    } catch {
      guard error.code == .timedOut else { throw error }
      try await takeOut(procedure, under: fence)
      throw PoolDriverError(.timedOut, "\(server) stays out: \(report.lastMessage) when the time ran out")
    }
    do throws(PoolDriverError) {
      if even { _ = try await spread(under: fence, deadline: deadline, progress: progress) }
      progress(DriverProgress("proving it with a registration"))
      try await prove(server, at: sipAddress, until: deadline)
    } catch {
      // A newer coordinator decides what becomes of the server.
      guard error.code != .fenced else { throw error }
      try await takeOut(procedure, under: fence)
      let state = procedure.mark == nil ? "in service" : "out again"
      throw PoolDriverError(error.code, "\(server) is \(state): \(error)")
    }
  }

  /// Puts the mark back that the server had. Nothing happens if it had none.
  private func takeOut(_ procedure: FailBackProcedure, under fence: ActFence) async throws(PoolDriverError) {
    // The first half of the time is for its groups to move; the rest for going out whether they did or not.
    let until = ContinuousClock.now + undoTime
    for (patience, end) in [(true, until - undoTime / 2), (false, until)] {
      do throws(PoolDriverError) {
        guard let undo = procedure.undo(hasPatience: patience) else { return }
        return try await follow(undo, under: fence, until: end)
      } catch {
        guard error.code == .timedOut, patience else { throw error }
      }
    }
  }

  private func prove(_ server: ServerName, at sipAddress: String, until deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    let prove = self.prove
    let result = await withTaskGroup(of: Result<Void, PoolDriverError>.self) { group in
      group.addTask {
        await Self.result { () async throws(PoolDriverError) in try await prove(server, sipAddress) }
      }
      group.addTask {
        try? await Task.sleep(until: deadline, clock: .continuous)
        return .failure(PoolDriverError(.timedOut, "the proof by a registration did not end in time"))
      }
      let first = await group.next() ?? .success(())
      group.cancelAll()
      return first
    }
    try result.get()
  }
}
