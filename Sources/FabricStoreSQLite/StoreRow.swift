import FabricStore
import GRDB
import Glibc

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

  /// Makes the text's bytes contiguous, which the rest relies on for its speed.
  init(_ text: String) {
    var text = text
    text.makeContiguousUTF8()
    self.text = text
  }

  static func == (left: Self, right: Self) -> Bool {
    left.text.utf8.count == right.text.utf8.count && left.order(against: right) == 0
  }

  static func < (left: Self, right: Self) -> Bool { left.order(against: right) < 0 }

  func hash(into hasher: inout Hasher) { bytes { hasher.combine(bytes: $0) } }

  /// Negative, zero or positive as it lies before, at or behind another.
  private func order(against other: Self) -> Int {
    bytes { left in
      other.bytes { right in
        let length = min(left.count, right.count)
        guard length > 0, let first = left.baseAddress, let second = right.baseAddress else {
          return left.count - right.count
        }
        let order = memcmp(first, second, length)
        return order != 0 ? Int(order) : left.count - right.count
      }
    }
  }

  private func bytes<T>(_ body: (UnsafeRawBufferPointer) -> T) -> T {
    let result = text.utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
    return result ?? Array(text.utf8).withUnsafeBytes(body)
  }
}
