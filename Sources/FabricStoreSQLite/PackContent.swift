import FabricStore

/// One change as it lies in a pack; what has a length stays in the pack's bytes.
struct PackedChange {
  /// `revision << 16 | position`, as in table `log`.
  var id: Int64
  /// The revision the key was created at; 0 for a deletion.
  var created: Revision
  /// 0 for none.
  var lease: UInt64
  var isDeletion: Bool
  var key: Range<Int>
  var value: Range<Int>

  var revision: Revision { UInt64(bitPattern: id) >> 16 }

  /// The same in bytes that lie behind `count` others.
  func moved(by count: Int) -> PackedChange {
    var change = self
    change.key = (key.lowerBound + count)..<(key.upperBound + count)
    change.value = (value.lowerBound + count)..<(value.upperBound + count)
    return change
  }
}

/// Writes the changes that one commit makes to keys of one prefix as one blob: 32 bytes of numbers, low byte first, then key
/// and value. One row for all of them costs a fraction of a row for each.
struct PackBuilder {
  private(set) var first: Int64 = 0
  private(set) var last: Int64 = 0
  private(set) var count = 0
  private(set) var content: [UInt8] = []

  static let headerSize = 32

  /// - Parameter value: `nil` for a deletion.
  mutating func append(id: Int64, created: Revision, lease: UInt64?, key: String, value: [UInt8]?) {
    if count == 0 {
      first = id
      content.reserveCapacity(4_096)
    }
    last = id
    count += 1
    append(UInt64(bitPattern: id), bytes: 8)
    append(created, bytes: 8)
    append(lease ?? 0, bytes: 8)
    append(UInt64(key.utf8.count), bytes: 4)
    // One more than its length, so that 0 is a deletion.
    append(value.map { UInt64($0.count) + 1 } ?? 0, bytes: 4)
    content.append(contentsOf: key.utf8)
    if let value { content.append(contentsOf: value) }
  }

  private mutating func append(_ number: UInt64, bytes: Int) {
    withUnsafeBytes(of: number.littleEndian) { content.append(contentsOf: $0.prefix(bytes)) }
  }
}

/// Reads what `PackBuilder` wrote, and throws on all else.
struct PackReader {
  private let bytes: UnsafeRawBufferPointer
  private let path: String
  private var at = 0

  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  mutating func next() throws -> PackedChange? {
    guard at < bytes.count else { return nil }
    guard bytes.count - at >= PackBuilder.headerSize else { throw damaged }
    let id = Int64(bitPattern: number(at))
    let keyLength = Int(short(at + 24))
    let valueLength = Int(short(at + 28))
    let key = at + PackBuilder.headerSize
    let value = key + keyLength
    let end = value + max(valueLength - 1, 0)
    guard id >= FabricSchema.positions, keyLength > 0, end <= bytes.count else { throw damaged }
    defer { at = end }
    return PackedChange(
      id: id,
      created: number(at + 8),
      lease: number(at + 16),
      isDeletion: valueLength == 0,
      key: key..<value,
      value: value..<end
    )
  }

  func text(_ range: Range<Int>) -> String {
    String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
  }

  func array(_ range: Range<Int>) -> [UInt8] { [UInt8](UnsafeRawBufferPointer(rebasing: bytes[range])) }

  func holds(_ key: String, _ range: Range<Int>) -> Bool { bytes[range].elementsEqual(key.utf8) }

  func hash(_ range: Range<Int>) -> KeyHash { KeyHash(UnsafeRawBufferPointer(rebasing: bytes[range])) }

  /// The change as an entry; `nil` for a deletion.
  func entry(_ change: PackedChange) -> Entry? {
    guard !change.isDeletion else { return nil }
    return Entry(
      key: text(change.key),
      value: array(change.value),
      createRevision: change.created,
      modRevision: change.revision,
      lease: change.lease == 0 ? nil : LeaseID(change.lease)
    )
  }

  private func number(_ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  private func short(_ offset: Int) -> UInt32 {
    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  private var damaged: FabricStoreError {
    SQLiteFailure.corrupt(path: path, detail: "a pack of changes is damaged")
  }
}

/// 128 bits of a hash keyed by this process: stands for a key where the key itself would take too much memory.
struct KeyHash: Hashable {
  private let first: Int
  private let second: Int

  init(_ bytes: UnsafeRawBufferPointer) {
    var hasher = Hasher()
    hasher.combine(bytes: bytes)
    var again = hasher
    again.combine(0x51)
    first = hasher.finalize()
    second = again.finalize()
  }

  init(_ key: String) {
    var key = key
    self = key.withUTF8 { KeyHash(UnsafeRawBufferPointer($0)) }
  }

  func hash(into hasher: inout Hasher) { hasher.combine(first) }
}
