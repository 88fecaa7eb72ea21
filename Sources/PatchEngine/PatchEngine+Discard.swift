import FabricStore
import PatchRun
import PoolDriving
public import PoolModel

extension PatchEngine {
  /// What is kept of a claim that was given up without its journal.
  private struct DiscardRecord: Codable {
    var format = 1
    var run: String
    var by: String
    var reason: String
    var at: PoolTime
  }

  /// Gives up the claim of an unfinished run whose journal cannot be read, which nothing else can go on from. Touches no
  /// server; the journal stays as it is, and who did this and why is kept in the fabric.
  /// - Returns: the servers that the run left out of service.
  public func discard(reason: String) async throws(PatchEngineError) -> [ServerName] {
    let claim: ClaimRecord
    let revision: Revision
    switch try await claiming.state() {
    case .free: throw PatchEngineError(.unknown, "pool \(driver.pool) has no unfinished run")
    case .held(let holder): throw PatchEngineError(.claimed, "it is being worked on: \(holder.text)")
    case .orphaned(let orphan, let at): (claim, revision) = (orphan, at)
    }
    guard try await !isReadable(claim.run) else {
      throw PatchEngineError(
        .invalid,
        "the journal of run \(claim.run) can be read: give the run up with quorate runs abort \(driver.pool)"
      )
    }
    let clock = try await poolClock()
    let hold = try await claiming.takeOver(claim, revision: revision, count: 0, chain: "", clock: clock)
    let record = DiscardRecord(run: claim.run, by: operatorName, reason: reason, at: clock.now)
    let operations: [FabricOperation] = [
      .put("audit/\(claim.run)/discarded", try JSON.encode(record)), .delete(RunKey.claim),
      .delete(RunKey.coordinator), .delete(RunKey.request(claim.run)),
    ]
    do throws(FabricStoreError) {
      let result = try await store.commit(
        FabricTransaction(when: hold.journal.fence, then: operations),
        urgent: true
      )
      try await store.revoke(hold.keeper.grant.id)
      guard result.revision != nil else {
        throw FabricStoreError(.unavailable, "the claim was taken over meanwhile; look again")
      }
    } catch { throw claiming.unreachable(error) }
    let state = try await observe()
    return state.servers.filter { $0.service.mark?.act?.run == claim.run }.map(\.name)
  }

  private func isReadable(_ run: String) async throws(PatchEngineError) -> Bool {
    do throws(PatchEngineError) {
      let entries = try await reader.entries(run).entries
      do throws(JournalFault) { _ = try RunMachine.replay(entries.map(\.record)) } catch {
        return entries.isEmpty
      }
      return true
    } catch {
      if error.code == .journal { return false }
      throw error
    }
  }
}
