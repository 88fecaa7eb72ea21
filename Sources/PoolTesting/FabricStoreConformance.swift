public import FabricStore

/// What a conformance case is given: a fresh, empty store, reached as its adapter's tests like.
public struct FabricStoreWorld: Sendable {
  /// Opens another client of the same store.
  public var open: @Sendable () async throws -> any FabricStore
  /// Lets the store's time pass; a store that follows the machine's clock sleeps.
  public var pass: @Sendable (Duration) async throws -> Void
  /// Makes the client's next commit throw with an unknown outcome, applied or not; `nil` when the adapter cannot.
  public var failNextCommit: (@Sendable (_ client: any FabricStore, _ isApplied: Bool) async throws -> Void)?

  /// A world.
  public init(
    open: @escaping @Sendable () async throws -> any FabricStore,
    pass: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
    failNextCommit: (@Sendable (_ client: any FabricStore, _ isApplied: Bool) async throws -> Void)? = nil
  ) {
    self.open = open
    self.pass = pass
    self.failNextCommit = failNextCommit
  }
}

/// A conformance case that did not hold.
public struct ConformanceFailure: Error, CustomStringConvertible {
  /// What was expected and what came.
  public var description: String
}

/// What every adapter of `FabricStore` must pass, unchanged. Nothing in it knows which store it runs on.
///
/// Run each case on a world of its own, with a time limit of a minute.
public enum FabricStoreConformance {
  /// One case.
  public struct Case: Sendable, CustomStringConvertible {
    /// Its name.
    public let name: String
    /// Throws when the store does not hold it.
    public let run: @Sendable (FabricStoreWorld) async throws -> Void

    init(_ name: String, _ run: @escaping @Sendable (FabricStoreWorld) async throws -> Void) {
      self.name = name
      self.run = run
    }

    /// The name.
    public var description: String { name }
  }

  /// All of them.
  public static let cases: [Case] = transactionCases + readingCases + watchCases + leaseCases + clientCases

  // MARK: Tools of the cases

  static func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    guard condition else { throw ConformanceFailure(description: message()) }
  }

  static func equal<T: Equatable>(_ found: T, _ expected: T, _ what: String) throws {
    guard found == expected else {
      throw ConformanceFailure(description: "\(what): expected \(expected), found \(found)")
    }
  }

  /// Whether `body` throws with this code.
  static func throwing(
    _ code: FabricStoreError.Code,
    _ what: String,
    _ body: () async throws -> Void
  ) async throws {
    do {
      try await body()
    } catch let error as FabricStoreError {
      return try equal(error.code, code, what)
    }
    throw ConformanceFailure(description: "\(what): expected \(code), nothing was thrown")
  }

  /// The revision of a transaction that must have applied.
  static func applied(_ result: TransactionResult) throws -> Revision {
    guard case .applied(let revision) = result else {
      throw ConformanceFailure(description: "a transaction was refused: \(result)")
    }
    return revision
  }

  @discardableResult
  static func put(_ store: any FabricStore, _ key: String, _ text: String) async throws -> Revision {
    try applied(await store.commit(FabricTransaction(then: [.put(key, Array(text.utf8))])))
  }

  static func texts(_ reading: RangeReading) -> [String] {
    reading.entries.map { "\($0.key)=\(String(decoding: $0.value, as: UTF8.self))" }
  }

  static func texts(_ changes: [Change]) -> [String] {
    changes.map { change in
      switch change {
      case .put(let entry): "\(entry.key)=\(String(decoding: entry.value, as: UTF8.self))"
      case .delete(let key, _): "\(key) deleted"
      }
    }
  }

  /// Collects a watch until `isEnough` or the time is over.
  static func collect(
    _ stream: AsyncThrowingStream<WatchBatch, any Error>,
    within limit: Duration = .seconds(20),
    until isEnough: @escaping @Sendable ([Change]) -> Bool
  ) async throws -> [Change] {
    try await withThrowingTaskGroup(of: [Change]?.self) { group in
      group.addTask {
        var changes: [Change] = []
        var told: Revision = 0
        for try await batch in stream {
          try require(batch.revision >= told, "a watch went back from \(told) to \(batch.revision)")
          told = batch.revision
          for change in batch.changes {
            try require(change.revision <= batch.revision, "a change behind its batch's revision: \(change)")
          }
          changes += batch.changes
          if isEnough(changes) { return changes }
        }
        throw ConformanceFailure(description: "the watch ended after \(texts(changes))")
      }
      group.addTask {
        try await Task.sleep(for: limit)
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let changes = first else {
        throw ConformanceFailure(description: "a watch did not tell what it should within \(limit)")
      }
      return changes
    }
  }

  /// Each change exactly once, in order: revisions never fall, and none of those written is left out.
  static func checkOrder(_ changes: [Change], contains written: [Revision]) throws {
    var last: Revision = 0
    for change in changes {
      try require(change.revision >= last, "a watch told revision \(change.revision) after \(last)")
      last = change.revision
    }
    let seen = Set(changes.map(\.revision))
    let missing = written.filter { !seen.contains($0) }
    try require(missing.isEmpty, "a watch left out revisions \(missing.prefix(5))")
    let places = changes.map { "\($0.revision)/\($0.key)" }
    try equal(Set(places).count, places.count, "changes told once")
  }
}
