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
      try await store.readPages(FabricKey.bindings(of: group)) { page throws(FabricStoreError) in
        count += page.entries.count
        return true
      }
      return count
    } catch {
      throw Self.unreachable(error)
    }
  }
}
