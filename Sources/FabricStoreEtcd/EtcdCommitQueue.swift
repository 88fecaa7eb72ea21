import FabricStore

/// Collects transactions while a request is under way and sends them together: a put of its own costs thirty times the
/// CPU of one in a batch. Urgent ones do not wait for others.
actor EtcdCommitQueue {
  private struct Waiting {
    let transactions: [FabricTransaction]
    let answer: CheckedContinuation<Result<[TransactionResult], FabricStoreError>, Never>
  }

  private let gateway: EtcdGateway
  private let batch: EtcdBatch
  private var waiting: [Waiting] = []
  private var isSending = false
  private var isClosed = false

  /// How many transactions go together at most.
  private static let limit = 512

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
      if !isSending {
        isSending = true
        Task { await drain() }
      }
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

  private func drain() async {
    while !waiting.isEmpty {
      var taken: [Waiting] = []
      var count = 0
      while let next = waiting.first, taken.isEmpty || count + next.transactions.count <= Self.limit {
        count += next.transactions.count
        taken.append(next)
        waiting.removeFirst()
      }
      await perform(taken)
    }
    isSending = false
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

  private func send(_ transactions: [FabricTransaction]) async throws(FabricStoreError) -> [TransactionResult]
  {
    var results: [TransactionResult] = []
    for run in batch.runs(transactions) {
      do throws(FabricStoreError) {
        let answer: EtcdMessage.TransactionResponse = try await gateway.call(
          "/v3/kv/txn",
          batch.request(transactions[run]),
          changes: true
        )
        let part = try batch.results(answer)
        guard part.count == run.count else {
          throw FabricStoreError(
            .corrupt,
            "etcd answered \(part.count) of \(run.count) transactions",
            outcome: .unknown
          )
        }
        results += part
      } catch {
        // Runs before this one are applied.
        var error = error
        if run.lowerBound > 0 { error.outcome = .unknown }
        throw error
      }
    }
    return results
  }
}
