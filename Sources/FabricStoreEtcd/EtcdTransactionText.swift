import FabricStore

/// Writes a request of transactions as JSON. All values in it are base64 or digits, so nothing has to be escaped;
/// Foundation's encoder takes ten times as long for it, and this is what a server writes for each REGISTER. What etcd takes for
/// granted is left out, and enumerations and revisions are numbers: its gateway pays for every byte.
struct EtcdTransactionText {
  /// With the slash behind it.
  private let prefix: [UInt8]
  private(set) var bytes: [UInt8] = []

  /// - Parameter prefix: what stands before every key.
  init(prefix: String) {
    self.prefix = Array(prefix.utf8) + [UInt8(ascii: "/")]
  }

  /// One outer transaction without comparisons, of a nested one for each of these.
  mutating func writeNested(_ transactions: ArraySlice<FabricTransaction>) {
    bytes.reserveCapacity(transactions.count * 1_024)
    put("{\"success\":")
    list(transactions) { text, transaction in
      text.put("{\"request_txn\":{\"compare\":")
      text.list(transaction.comparisons) { $0.write($1) }
      text.put(",\"success\":")
      text.list(transaction.operations) { $0.write($1) }
      text.put(",\"failure\":")
      text.list(Self.keys(transaction.comparisons)) { $0.writeRange($1) }
      text.put("}}")
    }
    put("}")
  }

  /// One transaction of everything that these compare, each comparison of a value once, and do. What a single one compares is
  /// read back when it does not hold.
  mutating func writeFlat(_ transactions: ArraySlice<FabricTransaction>) {
    bytes.reserveCapacity(transactions.count * 640)
    var written: Set<Comparison> = []
    let comparisons = transactions.flatMap(\.comparisons).filter { comparison in
      // Every record has a revision of its own.
      if case .modRevision = comparison { true } else { written.insert(comparison).inserted }
    }
    put("{\"compare\":")
    list(comparisons) { $0.write($1) }
    put(",\"success\":")
    list(Array(transactions.lazy.flatMap(\.operations))) { $0.write($1) }
    if transactions.count == 1 {
      put(",\"failure\":")
      list(transactions.flatMap { Self.keys($0.comparisons) }) { $0.writeRange($1) }
    }
    put("}")
  }

  /// What is read back when a comparison does not hold: each key once.
  private static func keys(_ comparisons: [Comparison]) -> [String] {
    var keys: [String] = []
    for comparison in comparisons where !keys.contains(comparison.key) { keys.append(comparison.key) }
    return keys
  }

  private mutating func write(_ comparison: Comparison) {
    put("{\"key\":\"")
    put(key: comparison.key)
    // Targets: 1 the revision it was made at, 2 the one it was changed at, 3 the value. Results: 0 equal, which goes without
    // saying, as a revision of 0 does, and 1 greater.
    switch comparison {
    case .absent: put("\",\"target\":1,\"create_revision\":0}")
    case .present: put("\",\"target\":1,\"result\":1,\"create_revision\":0}")
    case .modRevision(_, let revision): put("\",\"target\":2,\"mod_revision\":\(revision)}")
    case .value(_, let value):
      put("\",\"target\":3,\"value\":\"")
      put(base64: value)
      put("\"}")
    }
  }

  private mutating func writeRange(_ key: String) {
    put("{\"request_range\":{\"key\":\"")
    put(key: key)
    put("\"}}")
  }

  private mutating func write(_ operation: FabricOperation) {
    switch operation {
    case .put(let key, let value, let lease):
      put("{\"request_put\":{\"key\":\"")
      put(key: key)
      put("\",\"value\":\"")
      put(base64: value)
      put(lease.map { "\",\"lease\":\($0.rawValue)}}" } ?? "\"}}")
    case .delete(let key):
      put("{\"request_delete_range\":{\"key\":\"")
      put(key: key)
      put("\"}}")
    }
  }

  private mutating func list<Element>(
    _ elements: some Collection<Element>,
    _ write: (inout EtcdTransactionText, Element) -> Void
  ) {
    var separator = "["
    for element in elements {
      put(separator)
      separator = ","
      write(&self, element)
    }
    put(elements.isEmpty ? "[]" : "]")
  }

  private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func put(key: String) {
    put(base64: prefix + key.utf8)
  }

  private mutating func put(base64 value: [UInt8]) { Base64.append(value, to: &bytes) }
}
