import FabricStore
import GRDB
import Glibc

/// The newest change of each key that some packs tell of, in order of key. Keys and values stay in the packs' own bytes: a
/// fold reads some ten thousands of them while clients are served.
struct PackedItems {
  private var bytes: [UInt8] = []
  private(set) var changes: [PackedChange] = []

  /// None.
  init() {}

  /// Reads packs, oldest first.
  init(_ db: Database, of packs: [Int64], path: String) throws {
    _ = try PackQuery.forEachContent(db, of: packs) { content in
      var reader = PackReader(content, path: path)
      while let change = try reader.next() { changes.append(change.moved(by: bytes.count)) }
      bytes.append(contentsOf: content)
    }
    bytes.withUnsafeBytes { bytes in
      // Of one key's changes the newest comes first, and stays.
      changes.sort { left, right in
        let order = Self.compare(bytes, left.key, right.key)
        return order != 0 ? order < 0 : left.id > right.id
      }
      var last: Range<Int>?
      changes.removeAll { change in
        defer { last = change.key }
        return last.map { Self.compare(bytes, $0, change.key) == 0 } ?? false
      }
    }
  }

  /// Gives the bytes of some place in a change.
  func withBytes<T>(_ place: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[place])) }
  }

  private static func compare(_ bytes: UnsafeRawBufferPointer, _ left: Range<Int>, _ right: Range<Int>) -> Int
  {
    guard let start = bytes.baseAddress else { return 0 }
    let order = memcmp(start + left.lowerBound, start + right.lowerBound, min(left.count, right.count))
    return order != 0 ? Int(order) : left.count - right.count
  }
}
