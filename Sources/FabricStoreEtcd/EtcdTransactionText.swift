import FabricStore
import Foundation

/// Writes a request of nested transactions as JSON. All values in it are base64 or digits, so nothing has to be escaped;
/// Foundation's encoder takes ten times as long for it, and this is what a server writes for each REGISTER.
struct EtcdTransactionText {
  private let prefix: [UInt8]
  private(set) var bytes: [UInt8] = []

  /// - Parameter prefix: what stands before every key.
  init(prefix: String) {
    self.prefix = Array(prefix.utf8)
  }

  /// One outer transaction without comparisons, of a nested one for each of these.
  mutating func write(_ transactions: ArraySlice<FabricTransaction>) {
    bytes.reserveCapacity(transactions.count * 1_024)
    put("{\"success\":")
    list(transactions) { text, transaction in
      text.put("{\"request_txn\":{\"compare\":")
      text.list(transaction.comparisons) { $0.write($1) }
      text.put(",\"success\":")
      text.list(transaction.operations) { $0.write($1) }
      text.put(",\"failure\":")
      text.list(Self.keys(transaction.comparisons)) { text, key in
        text.put("{\"request_range\":{\"key\":\"")
        text.put(key: key)
        text.put("\"}}")
      }
      text.put("}}")
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
    switch comparison {
    case .absent: put("\",\"target\":\"CREATE\",\"result\":\"EQUAL\",\"create_revision\":\"0\"}")
    case .present: put("\",\"target\":\"CREATE\",\"result\":\"GREATER\",\"create_revision\":\"0\"}")
    case .modRevision(_, let revision):
      put("\",\"target\":\"MOD\",\"result\":\"EQUAL\",\"mod_revision\":\"\(revision)\"}")
    case .value(_, let value):
      put("\",\"target\":\"VALUE\",\"result\":\"EQUAL\",\"value\":\"")
      put(base64: value)
      put("\"}")
    }
  }

  private mutating func write(_ operation: FabricOperation) {
    switch operation {
    case .put(let key, let value, let lease):
      put("{\"request_put\":{\"key\":\"")
      put(key: key)
      put("\",\"value\":\"")
      put(base64: value)
      put(lease.map { "\",\"lease\":\"\($0.rawValue)\"}}" } ?? "\"}}")
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
    put(base64: prefix + [UInt8(ascii: "/")] + key.utf8)
  }

  private mutating func put(base64 value: [UInt8]) {
    bytes.append(contentsOf: Data(value).base64EncodedData())
  }
}
