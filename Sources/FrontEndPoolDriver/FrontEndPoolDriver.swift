import FabricRecords
public import FabricStore
public import Logging
public import PoolDriving
public import PoolModel
import PoolProcedures
import Replication

/// Drives Quorate's own pool: Front End servers over a fabric store. It never talks to a server except for the proof at
/// the end of a fail-back; everything else is said through the fabric, where the servers read it.
public struct FrontEndPoolDriver: PoolDriving {
  /// Proves that a server serves, by a request of the kind users make at its SIP address (`host:port`).
  public typealias Proof =
    @Sendable (_ server: ServerName, _ sipAddress: String) async throws(PoolDriverError) -> Void

  /// The pool.
  public let pool: PoolName
  let store: any FabricStore
  let control: any ServerControlling
  let declaredServersNeeded: Int?
  let prove: Proof
  let logger: Logger
  /// How long a verb that ran out of time may take to put things back.
  let undoTime: Duration

  /// A driver of the pool `pool`, whose records are in `store`.
  /// - Parameters:
  ///   - control: starts and stops the servers' processes.
  ///   - serversNeeded: how many servers must stay in service; `nil`: a majority of those the fabric knows, one of two.
  ///   - prove: ends every fail-back; by default a registration over SIP, `SIPRegistrationProof`.
  public init(
    pool: PoolName,
    store: any FabricStore,
    control: any ServerControlling,
    serversNeeded: Int? = nil,
    logger: Logger = Logger(label: "quorate.driver"),
    undoTime: Duration = .seconds(10),
    prove: @escaping Proof
  ) {
    self.pool = pool
    self.store = store
    self.control = control
    self.declaredServersNeeded = serversNeeded
    self.logger = logger
    self.undoTime = undoTime
    self.prove = prove
  }

  /// The pool as its fabric has it now: one reading of the control records at one revision.
  public func fabricState() async throws(PoolDriverError) -> FabricState {
    let view = try await image().view
    return view.state(at: try await poolTime(), serversNeeded: declaredServersNeeded)
  }

  /// The version that the server's running process was built as; `nil` while its lease is not live.
  public func version(of server: ServerName) async throws(PoolDriverError) -> String? {
    let view = try await image().view
    guard view.servers[server] != nil else { throw PoolDriverError.unknown(server, in: pool) }
    return view.live[server]?.record.version
  }

  /// The largest of the sets of `candidates` that can be out together with every group above its floor.
  public func largestSafeSet(of candidates: [ServerName], in state: FabricState) -> [ServerName] {
    SafeSet.largest(of: candidates, in: state)
  }
}

// MARK: - What the verbs are made of

extension FrontEndPoolDriver {
  /// The control records now, after a check that the store is this pool's.
  func image() async throws(PoolDriverError) -> FabricImage {
    let image: FabricImage
    do throws(FabricStoreError) {
      image = try await FabricImage.read(from: store)
    } catch {
      throw Self.unreachable(error)
    }
    try check(image)
    return image
  }

  private func check(_ image: FabricImage) throws(PoolDriverError) {
    guard let record = image.view.pool?.record else {
      throw PoolDriverError(.unreachable, "pool \(pool) is not in its fabric yet: start it first")
    }
    guard record.name == pool else {
      throw PoolDriverError(.refused, "the fabric belongs to pool \(record.name), not to \(pool)")
    }
  }

  /// Lets an act in; throws `.fenced` when a newer coordinator acts on the pool.
  func admit(_ act: Act) async throws(PoolDriverError) -> ActFence {
    do throws(FabricStoreError) {
      if let fence = try await ActFence.admit(act, to: store) { return fence }
    } catch {
      throw Self.unreachable(error)
    }
    throw Self.fenced(act.identity.generation)
  }

  /// Asks `body` about the fabric now and at each change, until it answers. Throws `.timedOut` at the deadline.
  func follow<Answer>(
    until deadline: ContinuousClock.Instant,
    _ body: (FabricImage) async throws(PoolDriverError) -> Answer?
  ) async throws(PoolDriverError) -> Answer {
    let result: Result<Answer, PoolDriverError>
    do throws(FabricFollowerError) {
      result = try await FabricFollower(store: store).first(by: deadline) { image in
        do throws(PoolDriverError) {
          try check(image)
          return try await body(image).map { .success($0) }
        } catch {
          return .failure(error)
        }
      }
    } catch {
      switch error {
      case .timedOut(let trouble?): throw PoolDriverError(.timedOut, "the fabric store: \(trouble)")
      case .timedOut(nil): throw PoolDriverError(.timedOut, "the time given ran out")
      case .store(let error): throw Self.unreachable(error)
      case .cancelled: throw PoolDriverError(.failed, "cancelled")
      }
    }
    return try result.get()
  }

  /// Follows a procedure to its end: commits what it says under the act's fence, tells how far it is, and asks again at
  /// each change of the fabric. Throws `.timedOut` at the deadline.
  func follow<Procedure: PoolProcedure>(
    _ procedure: inout Procedure,
    under fence: ActFence,
    until deadline: ContinuousClock.Instant,
    _ report: inout ProgressReport,
    _ progress: (DriverProgress) -> Void
  ) async throws(PoolDriverError) -> Procedure.Answer {
    try await follow(until: deadline) { image async throws(PoolDriverError) -> Procedure.Answer? in
      switch try procedure.next(image.view) {
      case .commit(let updates):
        _ = try await commit(updates, over: image, under: fence, until: deadline)
        return nil
      case .wait(let news):
        if let news { report.say(news, to: progress) }
        return nil
      case .done(let answer): return answer
      }
    }
  }

  /// Follows a procedure that puts something back; nobody is told how far it is.
  func follow(
    _ undo: some PoolProcedure,
    under fence: ActFence,
    until deadline: ContinuousClock.Instant
  ) async throws(PoolDriverError) {
    var undo = undo
    var report = ProgressReport()
    _ = try await follow(&undo, under: fence, until: deadline, &report) { _ in }
  }

  /// Commits updates, each alone, under the act's fence; says at which revision each was applied. While the store does
  /// not answer it tries again: the conditions make that safe. An update whose outcome was unknown may be told as not
  /// applied although it was, so callers decide by what the fabric shows next, never by a refusal.
  func commit(
    _ updates: [FabricUpdate],
    over image: FabricImage,
    under fence: ActFence,
    until deadline: ContinuousClock.Instant
  ) async throws(PoolDriverError) -> [UInt64?] {
    let transactions = updates.map { update in
      var transaction = update.transaction(previous: image.values)
      transaction.comparisons.append(fence.comparison)
      return transaction
    }
    let results = try await commit(transactions, until: deadline)
    for case .refused(let current, _) in results where fence.isBroken(by: current) {
      throw Self.fenced(fence.generation)
    }
    return results.map(\.revision)
  }

  private func commit(_ transactions: [FabricTransaction], until deadline: ContinuousClock.Instant)
    async throws(PoolDriverError) -> [TransactionResult]
  {
    while true {
      do throws(FabricStoreError) {
        return try await store.commit(transactions, urgent: true)
      } catch {
        guard error.code == .unavailable else { throw Self.unreachable(error) }
        guard ContinuousClock.now + .milliseconds(100) < deadline, !Task.isCancelled else {
          throw PoolDriverError(.timedOut, "the fabric store: \(error)")
        }
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  /// Pool time now.
  func poolTime() async throws(PoolDriverError) -> PoolTime {
    do throws(FabricStoreError) {
      return PoolTime(milliseconds: try await store.now().milliseconds)
    } catch {
      throw Self.unreachable(error)
    }
  }

  static func unreachable(_ error: FabricStoreError) -> PoolDriverError {
    PoolDriverError(.unreachable, "the fabric store: \(error)")
  }

  static func fenced(_ generation: UInt64) -> PoolDriverError {
    PoolDriverError(.fenced, "a newer coordinator than generation \(generation) acts on the pool")
  }
}
