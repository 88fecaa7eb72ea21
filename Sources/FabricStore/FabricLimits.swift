/// The limits of the port: every adapter refuses what is beyond them with `.invalidRequest` before it changes anything.
public enum FabricLimits {
  /// Bytes of a key, at least 1.
  public static let keyBytes = 1_024
  /// Bytes of a value.
  public static let valueBytes = 1 << 20
  /// Comparisons of one transaction.
  public static let comparisons = 64
  /// Operations of one transaction.
  public static let operations = 64
  /// The shortest time to live of a lease.
  public static let shortestLease = Duration.seconds(1)
  /// The longest time to live of a lease: a day.
  public static let longestLease = Duration.seconds(86_400)

  /// Throws `.invalidRequest` unless every transaction keeps the limits.
  public static func check(_ transactions: [FabricTransaction]) throws(FabricStoreError) {
    for transaction in transactions { try check(transaction) }
  }

  /// Throws `.invalidRequest` unless the time to live is allowed.
  public static func check(ttl: Duration) throws(FabricStoreError) {
    guard ttl >= shortestLease, ttl <= longestLease else {
      throw FabricStoreError(.invalidRequest, "a lease lives between 1 s and a day, \(ttl) was asked for")
    }
  }

  private static func check(_ transaction: FabricTransaction) throws(FabricStoreError) {
    guard transaction.comparisons.count <= comparisons else {
      throw FabricStoreError(.invalidRequest, "a transaction has at most \(comparisons) comparisons")
    }
    guard transaction.operations.count <= operations else {
      throw FabricStoreError(.invalidRequest, "a transaction has at most \(operations) operations")
    }
    for comparison in transaction.comparisons { try check(key: comparison.key) }
    for (index, operation) in transaction.operations.enumerated() {
      try check(key: operation.key)
      if case .put(let key, let value, _) = operation, value.count > valueBytes {
        throw FabricStoreError(.invalidRequest, "the value of '\(key)' has more than \(valueBytes) bytes")
      }
      // Few operations: comparing each with those before it costs less than making a set of them.
      for earlier in transaction.operations[..<index]
      where operation.key.utf8.elementsEqual(earlier.key.utf8) {
        throw FabricStoreError(.invalidRequest, "a transaction changes '\(operation.key)' twice")
      }
    }
  }

  private static func check(key: String) throws(FabricStoreError) {
    guard (1...keyBytes).contains(key.utf8.count) else {
      throw FabricStoreError(.invalidRequest, "a key has 1 to \(keyBytes) bytes, one has \(key.utf8.count)")
    }
  }
}
