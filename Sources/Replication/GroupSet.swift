public import PoolModel

/// Routing groups, as a bit each: adding all of a large pool costs no hash, and going through them is in the order of
/// their numbers.
@frozen
public struct GroupSet: Hashable, Sendable, Sequence {
  @usableFromInline var words: [UInt64] = []

  /// An empty set.
  public init() {}

  /// A set of these.
  public init(_ groups: some Sequence<RoutingGroupID>) {
    for group in groups { insert(group) }
  }

  /// How many there are.
  public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// Whether there is none.
  public var isEmpty: Bool { words.isEmpty }

  /// Whether a group is among them.
  public func contains(_ group: RoutingGroupID) -> Bool {
    let word = group.index >> 6
    guard words.indices.contains(word) else { return false }
    return words[word] & (1 << UInt64(group.index & 63)) != 0
  }

  /// Adds a group; `false` when it is there already, or its number is none.
  @discardableResult
  public mutating func insert(_ group: RoutingGroupID) -> Bool {
    guard group.index >= 0, group.index < GroupTable<Never>.limit else { return false }
    let word = group.index >> 6
    let bit: UInt64 = 1 << UInt64(group.index & 63)
    while words.count <= word { words.append(0) }
    guard words[word] & bit == 0 else { return false }
    words[word] |= bit
    return true
  }

  /// Takes a group out.
  public mutating func remove(_ group: RoutingGroupID) {
    let word = group.index >> 6
    guard words.indices.contains(word) else { return }
    words[word] &= ~(1 << UInt64(group.index & 63))
    // Two sets of the same groups are equal.
    while words.last == 0 { words.removeLast() }
  }

  /// Adds all of another set.
  public mutating func formUnion(_ other: GroupSet) {
    while words.count < other.words.count { words.append(0) }
    for (index, word) in other.words.enumerated() { words[index] |= word }
  }

  /// Adds all groups that have a value in a table.
  mutating func formUnion<Value>(_ table: GroupTable<Value>) {
    for index in table.slots.indices where table.slots[index] != nil { insert(RoutingGroupID(index)) }
  }

  /// Takes the group of the lowest number out.
  mutating func popFirst() -> RoutingGroupID? {
    guard let word = words.firstIndex(where: { $0 != 0 }) else { return nil }
    let group = RoutingGroupID(word << 6 + words[word].trailingZeroBitCount)
    remove(group)
    return group
  }

  /// Goes through them by number.
  public func makeIterator() -> Iterator { Iterator(words: words) }

  /// Goes through a set's groups by number.
  public struct Iterator: IteratorProtocol {
    let words: [UInt64]
    var word = 0
    var left: UInt64

    init(words: [UInt64]) {
      self.words = words
      left = words.first ?? 0
    }

    /// The next group.
    public mutating func next() -> RoutingGroupID? {
      while left == 0 {
        word += 1
        guard word < words.count else { return nil }
        left = words[word]
      }
      let bit = left.trailingZeroBitCount
      left &= left - 1
      return RoutingGroupID(word << 6 + bit)
    }
  }
}
