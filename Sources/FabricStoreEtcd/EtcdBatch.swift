import FabricStore
import Foundation

/// Transactions as etcd's. One of ours becomes one nested transaction; several go together in an outer one as long as none
/// of them touches a key that an earlier one writes: etcd evaluates all comparisons before it applies anything, and
/// refuses a key that is written twice.
struct EtcdBatch {
  let prefix: String
  /// How many transactions one request takes. The server counts the operations of an outer transaction and of the
  /// largest nested one together.
  let capacity: Int

  init(prefix: String, maximumOperations: Int) {
    self.prefix = prefix
    capacity = max(1, maximumOperations - 66)
  }

  /// Splits transactions into runs that may each be one request.
  func runs(_ transactions: [FabricTransaction]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start = 0
    var written: Set<String> = []
    for (index, transaction) in transactions.enumerated() {
      let touches =
        transaction.comparisons.contains { written.contains($0.key) }
        || transaction.operations.contains { written.contains($0.key) }
      if index > start && (touches || index - start >= capacity) {
        runs.append(start..<index)
        start = index
        written.removeAll(keepingCapacity: true)
      }
      for operation in transaction.operations { written.insert(operation.key) }
    }
    if start < transactions.count { runs.append(start..<transactions.count) }
    return runs
  }

  /// The request for a run.
  func request(_ transactions: ArraySlice<FabricTransaction>) -> EtcdMessage.Transaction {
    EtcdMessage.Transaction(
      compare: [],
      success: transactions.map { EtcdMessage.RequestOperation(request_txn: nested($0)) }
    )
  }

  private func nested(_ transaction: FabricTransaction) -> EtcdMessage.Transaction {
    var seen: Set<String> = []
    let readBack = transaction.comparisons.map(\.key).filter { seen.insert($0).inserted }
    return EtcdMessage.Transaction(
      compare: transaction.comparisons.map(compare),
      success: transaction.operations.map(operation),
      failure: readBack.map {
        EtcdMessage.RequestOperation(request_range: EtcdMessage.RangeRequest(key: wire($0)))
      }
    )
  }

  private func compare(_ comparison: Comparison) -> EtcdMessage.Compare {
    switch comparison {
    case .absent(let key):
      EtcdMessage.Compare(target: "CREATE", key: wire(key), create_revision: .init(0))
    case .present(let key):
      EtcdMessage.Compare(result: "GREATER", target: "CREATE", key: wire(key), create_revision: .init(0))
    case .modRevision(let key, let revision):
      EtcdMessage.Compare(target: "MOD", key: wire(key), mod_revision: .init(revision))
    case .value(let key, let value):
      EtcdMessage.Compare(target: "VALUE", key: wire(key), value: Data(value))
    }
  }

  private func operation(_ operation: FabricOperation) -> EtcdMessage.RequestOperation {
    switch operation {
    case .put(let key, let value, let lease):
      EtcdMessage.RequestOperation(
        request_put: .init(key: wire(key), value: Data(value), lease: lease.map { .init($0.rawValue) })
      )
    case .delete(let key):
      EtcdMessage.RequestOperation(request_delete_range: .init(key: wire(key)))
    }
  }

  /// How each transaction of a run ended.
  func results(_ response: EtcdMessage.TransactionResponse) throws(FabricStoreError) -> [TransactionResult] {
    let revision = response.header?.revision?.value ?? 0
    var results: [TransactionResult] = []
    for answer in response.responses ?? [] {
      guard let nested = answer.response_txn else {
        throw FabricStoreError(.corrupt, "etcd answered a transaction with something else", outcome: .unknown)
      }
      if nested.succeeded == true {
        results.append(.applied(revision))
      } else {
        let entries = (nested.responses ?? []).flatMap { $0.response_range?.kvs ?? [] }.compactMap(entry)
        results.append(.refused(current: entries, revision: revision))
      }
    }
    return results
  }

  /// A key as etcd has it.
  func wire(_ key: String) -> Data { Data((prefix + "/" + key).utf8) }

  /// The end of a range as etcd has it.
  func wireEnd(_ range: KeyRange) -> Data {
    // "0" follows "/": the first key behind everything that begins with the prefix.
    range.end.map(wire) ?? Data((prefix + "0").utf8)
  }

  /// An entry of ours; `nil` for a key that is not.
  func entry(_ pair: EtcdMessage.KeyValue) -> Entry? {
    guard let key = key(pair.key) else { return nil }
    let lease = pair.lease?.value ?? 0
    return Entry(
      key: key,
      value: [UInt8](pair.value ?? Data()),
      createRevision: pair.create_revision?.value ?? 0,
      modRevision: pair.mod_revision?.value ?? 0,
      lease: lease == 0 ? nil : LeaseID(lease)
    )
  }

  /// A key of ours, without the prefix.
  func key(_ data: Data) -> String? {
    guard let text = String(data: data, encoding: .utf8), text.hasPrefix(prefix + "/") else { return nil }
    return String(text.dropFirst(prefix.count + 1))
  }
}
