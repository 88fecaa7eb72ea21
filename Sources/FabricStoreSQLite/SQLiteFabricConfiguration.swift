public import Logging

/// How a store in a file behaves. The defaults are meant for use, the rest for tests and odd machines.
public struct SQLiteFabricConfiguration: Sendable {
  /// Where the store says what it does.
  public var logger: Logger
  /// How long a write waits for its turn before it fails with `.unavailable`.
  public var patience: Duration = .seconds(10)
  /// The most transactions that are made durable together.
  public var groupSize = 512
  /// Revisions of history that are kept at most.
  public var historyLimit: UInt64 = 500_000
  /// How old history gets.
  public var historyAge: Duration = .seconds(300)
  /// Whether the file may be created when it is not there.
  public var mayCreate = true
  /// For tests: other keys to be kept in packs, and how many changes make a generation of them.
  var deferredPrefix = FabricSchema.deferredPrefix
  var packGeneration = (size: 131_072, slack: 32_768)
  /// For tests: pages that the file may have at most, which fills it like a full disk does.
  var pageLimit: Int?
  /// For tests: called right before and right after SQLite's commit; what it throws is taken for SQLite's own error.
  var commitFault: (@Sendable (_ isCommitted: Bool) throws -> Void)?

  /// The defaults.
  public init(logger: Logger = Logger(label: "quorate.fabric")) { self.logger = logger }
}
