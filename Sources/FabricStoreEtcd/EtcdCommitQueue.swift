import FabricStore

/// Collects transactions while requests are under way and sends them together: a put of its own costs thirty times the
/// CPU of one in a batch. Several requests are under way at once, as long as none touches what another writes. Urgent ones
/// do not wait for others.
actor EtcdCommitQueue {
  private struct Waiting {
    let transactions: [FabricTransaction]
    let answer: CheckedContinuation<Result<[TransactionResult], FabricStoreError>, Never>
  }

  private let gateway: EtcdGateway
  private let batch: EtcdBatch
  private var waiting: [Waiting] = []
  private var sending = 0
  /// Keys that requests under way write.
  private var busy: Set<String> = []
  private var isClosed = false

  /// Requests under way at once. More do not go faster: etcd syncs what came meanwhile together.
  private static let atOnce = 4

  init(gateway: EtcdGateway, batch: EtcdBatch) {
    self.gateway = gateway
    self.batch = batch
  }

  func commit(_ transactions: [FabricTransaction], urgent: Bool) async throws(FabricStoreError)
    -> [TransactionResult]
  {
    guard !isClosed else { throw FabricStoreError(.unavailable, "etcd: the store is closed") }
    guard !transactions.isEmpty else { return [] }
    if urgent { return try await send(transactions) }
    let result = await withCheckedContinuation { continuation in
      waiting.append(Waiting(transactions: transactions, answer: continuation))
      pump()
    }
    return try result.get()
  }

  func close() {
    isClosed = true
    for each in waiting {
      each.answer.resume(returning: .failure(FabricStoreError(.unavailable, "etcd: closed")))
    }
    waiting = []
  }

  private func pump() {
    while sending < Self.atOnce {
      let taken = take()
      guard !taken.isEmpty else { return }
      let written = Set(taken.flatMap(\.transactions).flatMap(\.operations).map(\.key))
      busy.formUnion(written)
      sending += 1
      Task {
        await perform(taken)
        busy.subtract(written)
        sending -= 1
        pump()
      }
    }
  }

  /// The calls that go next: the first, and those behind it that fit into its request and touch nothing that it writes.
  private func take() -> [Waiting] {
    var taken: [Waiting] = []
    var written: Set<String> = []
    var room = batch.room
    while let next = waiting.first {
      guard !next.transactions.contains(where: { $0.touches(busy) }) else { break }
      if !taken.isEmpty {
        guard batch.fits(next.transactions, into: room),
          !next.transactions.contains(where: { $0.touches(written) })
        else { break }
      }
      room.take(next.transactions)
      for transaction in next.transactions { written.formUnion(transaction.operations.map(\.key)) }
      taken.append(next)
      waiting.removeFirst()
    }
    return taken
  }

  private func perform(_ taken: [Waiting]) async {
    do throws(FabricStoreError) {
      let results = try await send(taken.flatMap(\.transactions))
      var start = 0
      for each in taken {
        let end = start + each.transactions.count
        each.answer.resume(returning: .success(Array(results[start..<end])))
        start = end
      }
    } catch {
      // One that etcd refused as a whole is tried apart, so that nobody suffers for another's mistake.
      if error.code == .invalidRequest || error.code == .leaseNotFound, taken.count > 1 {
        for each in taken { await perform([each]) }
      } else {
        for each in taken { each.answer.resume(returning: .failure(error)) }
      }
    }
  }

  /// Stage after stage, the requests of one beside each other.
  private nonisolated func send(_ transactions: [FabricTransaction]) async throws(FabricStoreError)
    -> [TransactionResult]
  {
    var results: [TransactionResult] = []
    for (number, stage) in batch.stages(transactions).enumerated() {
      // Tasks of their own and no task group: a group that filled an array crashed here in a release build (Swift 6.3.1).
      let parts = stage.map { run in Task { await self.outcome(of: transactions[run]) } }
      // All have ended before anybody is told: nothing of this call is under way afterwards.
      var outcomes: [Result<[TransactionResult], FabricStoreError>] = []
      for part in parts { outcomes.append(await part.value) }
      for outcome in outcomes {
        switch outcome {
        case .success(let some): results += some
        case .failure(var error):
          // Those beside it, and stages before this one, may be applied.
          if number > 0 || parts.count > 1 { error.outcome = .unknown }
          throw error
        }
      }
    }
    return results
  }

  private nonisolated func outcome(of transactions: ArraySlice<FabricTransaction>) async
    -> Result<[TransactionResult], FabricStoreError>
  {
    do throws(FabricStoreError) { return .success(try await request(transactions)) } catch {
      return .failure(error)
    }
  }

  private nonisolated func request(_ transactions: ArraySlice<FabricTransaction>)
    async throws(FabricStoreError)
    -> [TransactionResult]
  {
    let whole: EtcdMessage.FlatResponse = try await gateway.call(
      Self.path,
      body: batch.allOrNone(transactions),
      .changing
    )
    if let results = batch.results(whole, count: transactions.count) { return results }
    // Some comparison of somebody's does not hold, so nothing was applied: each for itself.
    let answer: EtcdMessage.TransactionResponse = try await gateway.call(
      Self.path,
      body: batch.eachApart(transactions),
      .changing
    )
    let results = try batch.results(answer)
    guard results.count == transactions.count else {
      throw FabricStoreError(
        .corrupt,
        "etcd answered \(results.count) of \(transactions.count) transactions",
        outcome: .unknown
      )
    }
    return results
  }

  private static let path = "/v3/kv/txn"
}

extension FabricTransaction {
  /// Whether it compares or writes one of these keys.
  func touches(_ keys: Set<String>) -> Bool {
    !keys.isEmpty
      && (comparisons.contains { keys.contains($0.key) } || operations.contains { keys.contains($0.key) })
  }
}
