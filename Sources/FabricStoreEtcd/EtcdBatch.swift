import FabricStore
import Foundation

/// Transactions as etcd's. Several of ours go together in one request as long as none of them touches a key that an earlier
/// one writes: etcd evaluates all comparisons before it applies anything, and refuses a key that is written twice.
///
/// A request goes in one of two forms. All together (`allOrNone`): one flat transaction with everybody's comparisons and
/// operations; it costs etcd's gateway half as much, and applies nothing when one comparison of anybody's does not hold.
/// Then the same transactions go once more as nested ones (`eachApart`), of which each applies or not by itself.
struct EtcdBatch: Sendable {
  /// What still goes into a request. The server takes so many comparisons, and so many operations, in one transaction, and
  /// counts the operations of an outer transaction and those of its largest nested one together.
  struct Room {
    fileprivate var maximum: Int
    private var count = 0
    private var largest = 0
    private var operations = 0
    /// Comparisons of revisions: every record has its own.
    private var revisions = 0
    /// Comparisons of values, each once: many records share a fence.
    private var values: Set<Comparison> = []
    private var bytes = 0

    fileprivate init(maximum: Int) { self.maximum = maximum }

    /// The server's `--max-request-bytes` is 1.5 MiB; one value alone may have 1 MiB.
    private static let bytesAtMost = 1 << 20

    fileprivate func takes(_ transactions: some Collection<FabricTransaction>) -> Bool {
      var next = self
      next.take(transactions)
      return next.count + next.largest <= maximum && next.operations <= maximum
        && next.revisions + next.values.count <= maximum && next.bytes <= Self.bytesAtMost
    }

    /// Puts transactions in.
    mutating func take(_ transactions: some Collection<FabricTransaction>) {
      count += transactions.count
      for transaction in transactions {
        largest = max(largest, Self.width(transaction))
        operations += transaction.operations.count
        for comparison in transaction.comparisons {
          if case .modRevision = comparison { revisions += 1 } else { values.insert(comparison) }
        }
        for operation in transaction.operations {
          if case .put(let key, let value, _) = operation { bytes += key.utf8.count + value.count }
        }
      }
    }

    /// What the server counts of one: the longest of its three lists, of which the reading back is one.
    private static func width(_ transaction: FabricTransaction) -> Int {
      max(transaction.comparisons.count, transaction.operations.count)
    }
  }

  let prefix: String
  private let maximumOperations: Int

  init(prefix: String, maximumOperations: Int) {
    self.prefix = prefix
    self.maximumOperations = maximumOperations
  }

  /// An empty request.
  var room: Room { Room(maximum: maximumOperations) }

  /// Whether transactions go into a request beside what is in it.
  func fits(_ transactions: [FabricTransaction], into room: Room) -> Bool { room.takes(transactions) }

  /// Splits transactions into stages that must follow each other, each of runs that may each be one request and may go
  /// beside each other.
  func stages(_ transactions: [FabricTransaction]) -> [[Range<Int>]] {
    var stages: [[Range<Int>]] = []
    var stage: [Range<Int>] = []
    var start = 0
    var written: Set<String> = []
    var room = room
    for (index, transaction) in transactions.enumerated() {
      let mustFollow = transaction.touches(written)
      if index > start, mustFollow || !room.takes(CollectionOfOne(transaction)) {
        stage.append(start..<index)
        start = index
        room = self.room
      }
      if mustFollow {
        if !stage.isEmpty { stages.append(stage) }
        stage = []
        written.removeAll(keepingCapacity: true)
      }
      room.take(CollectionOfOne(transaction))
      for operation in transaction.operations { written.insert(operation.key) }
    }
    if start < transactions.count { stage.append(start..<transactions.count) }
    if !stage.isEmpty { stages.append(stage) }
    return stages
  }

  /// The request for a run whose transactions apply or not each by itself, as JSON.
  func eachApart(_ transactions: ArraySlice<FabricTransaction>) -> [UInt8] {
    var text = EtcdTransactionText(prefix: prefix)
    text.writeNested(transactions)
    return text.bytes
  }

  /// The request for a run that applies as a whole or not at all, as JSON. A single transaction reads back what it compared.
  func allOrNone(_ transactions: ArraySlice<FabricTransaction>) -> [UInt8] {
    var text = EtcdTransactionText(prefix: prefix)
    text.writeFlat(transactions)
    return text.bytes
  }

  /// How each transaction of a run ended that was sent as one; `nil` when it must be sent with each apart.
  func results(_ response: EtcdMessage.FlatResponse, count: Int) -> [TransactionResult]? {
    let revision = response.header?.revision?.value ?? 0
    guard response.succeeded != true else { return Array(repeating: .applied(revision), count: count) }
    guard count == 1 else { return nil }
    let entries = (response.responses ?? []).flatMap { $0.response_range?.kvs ?? [] }.compactMap(entry)
    return [.refused(current: entries, revision: revision)]
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
  func key(_ bytes: some Sequence<UInt8>) -> String? {
    let bytes = Array(bytes)
    let own = prefix.utf8.count + 1
    guard bytes.count >= own, bytes.starts(with: prefix.utf8), bytes[own - 1] == UInt8(ascii: "/") else {
      return nil
    }
    return String(validating: bytes[own...], as: UTF8.self)
  }
}
