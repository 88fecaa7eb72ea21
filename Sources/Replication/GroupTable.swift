public import PoolModel

/// Values by routing group. Groups are numbered from 0 without gaps, so this is an array: finding one costs no hash, and
/// going through them is in the order of their numbers, the same on every server.
@frozen
public struct GroupTable<Value>: Sequence, ExpressibleByDictionaryLiteral {
  /// A group's number has five digits at most, as the store's keys do; what is beyond is never kept.
  public static var limit: Int { 100_000 }

  @usableFromInline var slots: [Value?] = []
  /// How many groups have a value.
  public internal(set) var count = 0

  /// An empty table.
  @inlinable
  public init() {}

  /// A table of these.
  public init(dictionaryLiteral elements: (RoutingGroupID, Value)...) {
    for (id, value) in elements { self[id] = value }
  }

  /// Whether no group has a value.
  public var isEmpty: Bool { count == 0 }

  /// A group's value.
  @inlinable
  public subscript(_ id: RoutingGroupID) -> Value? {
    // A getter is put in place where it is used, so that what is asked for is copied and not the whole value.
    get { slots.indices.contains(id.index) ? slots[id.index] : nil }
    _modify {
      let isKept = id.index >= 0 && id.index < Self.limit
      // What is not kept stands at the end for a moment.
      let position = isKept ? id.index : slots.count
      while slots.count <= position { slots.append(nil) }
      let before = slots[position] == nil
      defer { changed(position, from: before, isKept: isKept) }
      yield &slots[position]
    }
  }

  @usableFromInline
  mutating func changed(_ index: Int, from wasEmpty: Bool, isKept: Bool) {
    if !isKept { slots[index] = nil }
    let isEmpty = slots[index] == nil
    if wasEmpty != isEmpty { count += isEmpty ? -1 : 1 }
    // Two tables of the same values are equal.
    guard isEmpty else { return }
    while !slots.isEmpty, slots[slots.count - 1] == nil { slots.removeLast() }
  }

  /// Takes a group's value out.
  mutating func remove(_ id: RoutingGroupID) -> Value? {
    let value = self[id]
    if value != nil { self[id] = nil }
    return value
  }

  /// The groups that have a value, by number.
  public var keys: [RoutingGroupID] {
    slots.indices.lazy.filter { slots[$0] != nil }.map { RoutingGroupID($0) }
  }

  /// The values, by number of their groups.
  @inlinable
  public var values: Values { Values(slots: slots) }

  /// The table with every value changed.
  public func mapValues<Other>(_ change: (Value) -> Other) -> GroupTable<Other> {
    var other = GroupTable<Other>()
    for (id, value) in self { other[id] = change(value) }
    return other
  }

  /// Groups and values, by number.
  @inlinable
  public func makeIterator() -> Iterator { Iterator(slots: slots) }

  /// Goes through a table by number.
  @frozen
  public struct Iterator: IteratorProtocol {
    @usableFromInline let slots: [Value?]
    @usableFromInline var position = 0

    @inlinable
    init(slots: [Value?]) { self.slots = slots }

    /// The next group and its value.
    @inlinable
    public mutating func next() -> (key: RoutingGroupID, value: Value)? {
      while position < slots.count {
        defer { position += 1 }
        if let value = slots[position] { return (RoutingGroupID(position), value) }
      }
      return nil
    }
  }

  /// The values of a table, by number of their groups.
  @frozen
  public struct Values: Sequence {
    @usableFromInline let slots: [Value?]

    @inlinable
    init(slots: [Value?]) { self.slots = slots }

    /// Goes through them.
    @inlinable
    public func makeIterator() -> Iterator { Iterator(slots: slots) }

    /// Goes through the values of a table.
    @frozen
    public struct Iterator: IteratorProtocol {
      @usableFromInline var pairs: GroupTable.Iterator

      @inlinable
      init(slots: [Value?]) { pairs = GroupTable.Iterator(slots: slots) }

      /// The next value.
      @inlinable
      public mutating func next() -> Value? { pairs.next()?.value }
    }
  }
}

extension GroupTable: Equatable where Value: Equatable {}
extension GroupTable: Hashable where Value: Hashable {}
extension GroupTable: Sendable where Value: Sendable {}
extension GroupTable.Values: Sendable where Value: Sendable {}
