/// A comparison that must hold for a transaction to apply.
public enum Comparison: Hashable, Sendable {
  /// The key does not exist.
  case absent(String)
  /// The key exists.
  case present(String)
  /// The key's newest value has this revision; 0 means that it does not exist.
  case modRevision(String, Revision)
  /// The key exists and has exactly this value.
  case value(String, [UInt8])

  /// The key compared.
  public var key: String {
    switch self {
    case .absent(let key), .present(let key), .modRevision(let key, _), .value(let key, _): key
    }
  }
}

/// A change that a transaction makes. One transaction names no key twice.
public enum FabricOperation: Hashable, Sendable {
  /// Writes a value; `lease` attaches the key to a lease, `nil` detaches it.
  case put(String, [UInt8], lease: LeaseID? = nil)
  /// Deletes a key; nothing happens when it does not exist.
  case delete(String)

  /// The key changed.
  public var key: String {
    switch self {
    case .put(let key, _, _), .delete(let key): key
    }
  }
}

/// Comparisons and, if all of them hold, operations: all or none.
public struct FabricTransaction: Hashable, Sendable {
  /// All must hold. At most 64.
  public var comparisons: [Comparison]
  /// Performed in order when they do. At most 64, no key twice.
  public var operations: [FabricOperation]

  /// A transaction.
  public init(when comparisons: [Comparison] = [], then operations: [FabricOperation]) {
    self.comparisons = comparisons
    self.operations = operations
  }
}

/// How one transaction ended.
public enum TransactionResult: Hashable, Sendable {
  /// It applied, at this revision (the store's current one if it changed nothing).
  case applied(Revision)
  /// A comparison did not hold: nothing was changed. Carries the newest entry of each key compared that exists, and
  /// the store's revision, so that the caller need not read back.
  case refused(current: [Entry], revision: Revision)

  /// The revision it applied at, `nil` when it was refused.
  public var revision: Revision? {
    if case .applied(let revision) = self { revision } else { nil }
  }
}
