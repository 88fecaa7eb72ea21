/// A range of keys. Keys are UTF-8 text of 1 to 1,024 bytes, ordered by their bytes.
public struct KeyRange: Hashable, Sendable {
  /// The first key of the range.
  public let start: String
  /// The first key behind the range; `nil` for the end of all keys.
  public let end: String?

  /// From `start` up to, not including, `end`.
  public init(start: String, end: String?) {
    self.start = start
    self.end = end
  }

  /// One key.
  public static func key(_ key: String) -> Self { Self(start: key, end: key + "\0") }

  /// Every key that begins with `prefix`, which is ASCII; an empty one means every key.
  public static func prefix(_ prefix: String) -> Self {
    var bytes = Array(prefix.utf8)
    while let last = bytes.popLast() {
      if last < 0x7f {
        bytes.append(last + 1)
        return Self(start: prefix, end: String(decoding: bytes, as: UTF8.self))
      }
    }
    return Self(start: prefix, end: nil)
  }

  /// What is left of the range behind `key`.
  public func after(_ key: String) -> Self { Self(start: key + "\0", end: end) }

  /// Whether `key` is in the range.
  public func contains(_ key: String) -> Bool {
    guard !Self.precedes(key, start) else { return false }
    return end.map { Self.precedes(key, $0) } ?? true
  }

  /// Orders keys by their bytes, as the stores do; Swift orders text by Unicode's canonical form.
  public static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }
}

/// A key, its value, and where it stands in the store's history.
public struct Entry: Hashable, Sendable {
  /// The key.
  public var key: String
  /// The value, at most 1 MiB.
  public var value: [UInt8]
  /// The revision at which the key was created (since its last deletion).
  public var createRevision: Revision
  /// The revision of its newest value.
  public var modRevision: Revision
  /// The lease it is attached to.
  public var lease: LeaseID?

  /// An entry as read.
  public init(
    key: String,
    value: [UInt8],
    createRevision: Revision,
    modRevision: Revision,
    lease: LeaseID? = nil
  ) {
    self.key = key
    self.value = value
    self.createRevision = createRevision
    self.modRevision = modRevision
    self.lease = lease
  }
}

/// What a read found.
public struct RangeReading: Hashable, Sendable {
  /// In order of key.
  public var entries: [Entry]
  /// The revision that the whole reading is of.
  public var revision: Revision
  /// Whether `limit` cut it off.
  public var more: Bool

  /// A reading.
  public init(entries: [Entry], revision: Revision, more: Bool) {
    self.entries = entries
    self.revision = revision
    self.more = more
  }
}

/// A change that a watch tells.
public enum Change: Hashable, Sendable {
  /// A key was written.
  case put(Entry)
  /// A key was deleted, by a transaction or because its lease ended.
  case delete(key: String, revision: Revision)

  /// The key that changed.
  public var key: String {
    switch self {
    case .put(let entry): entry.key
    case .delete(let key, _): key
    }
  }

  /// The revision it changed at.
  public var revision: Revision {
    switch self {
    case .put(let entry): entry.modRevision
    case .delete(_, let revision): revision
    }
  }
}

/// Changes of one or more whole revisions, in order.
public struct WatchBatch: Hashable, Sendable {
  /// In order of revision; within one revision in order of the transaction's operations.
  public var changes: [Change]
  /// Everything up to and including this revision has now been told.
  public var revision: Revision

  /// A batch.
  public init(changes: [Change], revision: Revision) {
    self.changes = changes
    self.revision = revision
  }
}
