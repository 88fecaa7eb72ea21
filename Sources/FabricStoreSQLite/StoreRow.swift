import FabricStore
import GRDB

/// The one row of table `store`.
struct StoreRow: Equatable {
  var revision: Revision
  var compacted: Revision
  var lastLease: UInt64

  /// Revisions have 46 bits: some tens of years at full load. A file that says more is damaged.
  static let limit: UInt64 = 1 << 46

  init(_ db: Database, path: String) throws {
    let statement = try SQLStatement(db, "SELECT revision, compacted, lastLease FROM store")
    defer { statement.reset() }
    guard try statement.step() else {
      throw SQLiteFailure.corrupt(path: path, detail: "table store is empty")
    }
    revision = statement.unsigned(0)
    compacted = statement.unsigned(1)
    lastLease = statement.unsigned(2)
    guard revision < Self.limit, compacted <= revision, lastLease < .max / 2 else {
      throw SQLiteFailure.corrupt(path: path, detail: "revision \(revision), compacted \(compacted)")
    }
  }

  /// The first id of a revision in the log.
  static func logID(_ revision: Revision) -> Int64 { Int64(min(revision, limit)) << 16 }
}

/// A key as its bytes: Swift takes canonically equivalent texts for equal, a store must not.
struct KeyBytes: Hashable, Comparable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

  static func < (left: Self, right: Self) -> Bool { KeyRange.precedes(left.text, right.text) }

  func hash(into hasher: inout Hasher) {
    let done: Void? = text.utf8.withContiguousStorageIfAvailable {
      hasher.combine(bytes: UnsafeRawBufferPointer($0))
    }
    if done == nil { for byte in text.utf8 { hasher.combine(byte) } }
  }
}
