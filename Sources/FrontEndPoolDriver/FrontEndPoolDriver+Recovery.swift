import FabricRecords
import FabricStore
public import PoolDriving
public import PoolModel
import PoolProcedures

extension FrontEndPoolDriver {
  /// Declares what is missing lost for the groups in quorum loss or down, and waits until they are rebuilt on servers
  /// that live. Groups whose servers all live are only waited for. On time-out the groups go on building by themselves.
  public func recover(
    act: Act,
    deadline: ContinuousClock.Instant,
    progress: @Sendable (DriverProgress) -> Void
  ) async throws(PoolDriverError) -> RecoveryReport {
    let fence = try await admit(act)
    var procedure = RecoveryProcedure()
    var said = ProgressReport()
    var report: RecoveryReport
    do throws(PoolDriverError) {
      report = try await follow(&procedure, under: fence, until: deadline, &said, progress)
    } catch {
      guard error.code == .timedOut else { throw error }
      throw PoolDriverError(
        .timedOut,
        "the groups were not rebuilt in time (\(said.lastMessage)); they go on by themselves: \(error)"
      )
    }
    for group in report.groups { report.bindingsRecovered += try await countBindings(of: group) }
    return report
  }

  /// How many addresses-of-record of the group have bindings in the store.
  func countBindings(of group: RoutingGroupID) async throws(PoolDriverError) -> Int {
    do throws(FabricStoreError) {
      var count = 0
      var range = FabricKey.bindings(of: group)
      var revision: Revision?
      while true {
        let page = try await store.read(range, at: revision, limit: 5_000)
        count += page.entries.count
        guard page.more, let last = page.entries.last else { return count }
        range = range.after(last.key)
        revision = page.revision
      }
    } catch {
      throw Self.unreachable(error)
    }
  }
}
