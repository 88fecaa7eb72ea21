import FabricStore
import Glibc
import PatchRun
import PoolModel

/// What a claim on the pool gives its holder.
struct Hold: Sendable {
  var claim: ClaimRecord
  var journal: Journal
  var keeper: LeaseKeeper
}

/// How the claim on the pool stands.
enum ClaimState: Sendable {
  /// Nobody has it.
  case free
  /// A live coordinator holds it; `revision` is the claim's.
  case held(ClaimRecord)
  /// Its coordinator is gone or it waits for an operator: it can be taken over.
  case orphaned(ClaimRecord, revision: Revision)
}

/// Takes, takes over and gives up the claim on a pool.
struct Claiming: Sendable {
  let store: any FabricStore
  let operatorName: String
  let leaseTime: Duration

  /// How the claim stands now.
  func state() async throws(PatchEngineError) -> ClaimState {
    let entries: [Entry]
    do throws(FabricStoreError) { entries = try await store.readAll(RunKey.head).entries } catch {
      throw unreachable(error)
    }
    let coordinator = entries.first { $0.key == RunKey.coordinator }
    guard let entry = entries.first(where: { $0.key == RunKey.claim }) else {
      return .free
    }
    let claim = try JSON.decode(ClaimRecord.self, entry.value, "the claim on the pool (run/claim)")
    return coordinator == nil ? .orphaned(claim, revision: entry.modRevision) : .held(claim)
  }

  /// Takes a free pool for a new run.
  func take(run: String, kind: RunKind, servers: [ServerName], clock: PoolClock)
    async throws(PatchEngineError)
    -> Hold
  {
    try await hold(
      claim: claim(run: run, kind: kind, servers: servers, clock: clock),
      when: [.absent(RunKey.claim)],
      count: 0,
      chain: "",
      clock: clock
    )
  }

  /// Takes an orphaned claim over. The journal goes on behind `count` records.
  func takeOver(
    _ old: ClaimRecord,
    revision: Revision,
    count: Int,
    chain: String,
    clock: PoolClock
  ) async throws(PatchEngineError) -> Hold {
    try await hold(
      claim: claim(run: old.run, kind: old.kind, servers: old.servers, clock: clock),
      when: [.modRevision(RunKey.claim, revision)],
      count: count,
      chain: chain,
      clock: clock
    )
  }

  private func claim(run: String, kind: RunKind, servers: [ServerName], clock: PoolClock) -> ClaimRecord {
    ClaimRecord(
      run: run,
      kind: kind,
      servers: servers,
      by: operatorName,
      host: Self.host,
      pid: getpid(),
      since: clock.now,
      generation: 0,
      paused: nil
    )
  }

  private func hold(
    claim: ClaimRecord,
    when comparisons: [Comparison],
    count: Int,
    chain: String,
    clock: PoolClock
  ) async throws(PatchEngineError) -> Hold {
    var claim = claim
    let askedAt = BootClock.now
    do throws(FabricStoreError) {
      let grant = try await store.grantLease(ttl: leaseTime)
      claim.generation = grant.generation
      let value: [UInt8]
      do throws(PatchEngineError) { value = try JSON.encode(claim) } catch {
        throw FabricStoreError(.corrupt, error.message)
      }
      let transaction = FabricTransaction(
        when: comparisons + [.absent(RunKey.coordinator)],
        then: [.put(RunKey.claim, value), .put(RunKey.coordinator, value, lease: grant.id)]
      )
      guard let revision = try await store.commit(transaction, urgent: true).revision else {
        try? await store.revoke(grant.id)
        throw FabricStoreError(.leaseNotFound, "somebody else was quicker")
      }
      let journal = Journal(
        store: store,
        run: claim.run,
        generation: grant.generation,
        clock: clock,
        claimRevision: revision,
        coordinatorRevision: revision,
        count: count,
        chain: chain
      )
      return Hold(
        claim: claim,
        journal: journal,
        keeper: LeaseKeeper(store: store, grant: grant, askedAt: askedAt)
      )
    } catch {
      if error.code == .leaseNotFound {
        throw PatchEngineError(.claimed, "somebody else took the pool at this moment; look again")
      }
      throw unreachable(error)
    }
  }

  /// Ends the hold. An ended run gives the claim up; a paused one leaves it, marked.
  func release(_ hold: Hold, paused: String?, report: RunReport?) async throws(PatchEngineError) {
    var operations: [FabricOperation] = []
    if let paused {
      var claim = hold.claim
      claim.paused = paused
      operations.append(.put(RunKey.claim, try JSON.encode(claim)))
    } else {
      operations.append(.delete(RunKey.claim))
      if let report { operations.append(.put(RunKey.report(hold.claim.run), try JSON.encode(report))) }
    }
    operations.append(.delete(RunKey.coordinator))
    // What was asked for is done: who goes on must not be asked again.
    operations.append(.delete(RunKey.request(hold.claim.run)))
    do throws(FabricStoreError) {
      _ = try await store.commit(FabricTransaction(when: hold.journal.fence, then: operations), urgent: true)
      try await store.revoke(hold.keeper.grant.id)
    } catch { throw unreachable(error) }
  }

  func unreachable(_ error: FabricStoreError) -> PatchEngineError {
    PatchEngineError(.unreachable, "the pool's fabric cannot be reached: \(error.message)")
  }

  /// This machine's name.
  static let host: String = {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }()
}
