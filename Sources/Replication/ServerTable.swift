public import PoolModel

/// Values by server, sorted by name: a pool of usual size is found by comparing a few words, a large one by halving, and
/// going through it is in the same order on every server.
@frozen
public struct ServerTable<Value>: Sequence, ExpressibleByDictionaryLiteral {
  /// Up to so many servers are compared one by one.
  @usableFromInline static var few: Int { 16 }

  @usableFromInline var names: [ServerName] = []
  @usableFromInline var contents: [Value] = []

  /// An empty table.
  @inlinable
  public init() {}

  /// A table of these.
  public init(dictionaryLiteral elements: (ServerName, Value)...) {
    for (name, value) in elements { self[name] = value }
  }

  /// A table with one value for all servers of another.
  init<Other>(_ value: Value, for others: ServerTable<Other>) {
    names = others.names
    contents = Array(repeating: value, count: names.count)
  }

  /// How many servers have a value.
  @inlinable
  public var count: Int { names.count }

  /// Whether none has.
  @inlinable
  public var isEmpty: Bool { names.isEmpty }

  /// The servers that have a value, by name.
  @inlinable
  public var keys: [ServerName] { names }

  /// The values, by their servers' names.
  @inlinable
  public var values: [Value] { contents }

  /// A server's value.
  @inlinable
  public subscript(_ name: ServerName) -> Value? {
    get { position(of: name).map { contents[$0] } }
    set {
      guard let position = position(of: name) else {
        if let newValue { insert(newValue, for: name) }
        return
      }
      if let newValue {
        contents[position] = newValue
      } else {
        names.remove(at: position)
        contents.remove(at: position)
      }
    }
  }

  /// A server's value, or what stands for none.
  @inlinable
  public subscript(_ name: ServerName, default value: @autoclosure () -> Value) -> Value {
    get { position(of: name).map { contents[$0] } ?? value() }
    _modify {
      let position = position(of: name) ?? insert(value(), for: name)
      yield &contents[position]
    }
  }

  @usableFromInline
  func position(of name: ServerName) -> Int? {
    if names.count <= Self.few { return names.firstIndex(of: name) }
    let position = lowerBound(name)
    return position < names.count && names[position] == name ? position : nil
  }

  private func lowerBound(_ name: ServerName) -> Int {
    var low = 0
    var high = names.count
    while low < high {
      let middle = (low + high) / 2
      if names[middle] < name { low = middle + 1 } else { high = middle }
    }
    return low
  }

  @discardableResult
  @usableFromInline
  mutating func insert(_ value: Value, for name: ServerName) -> Int {
    let position = lowerBound(name)
    names.insert(name, at: position)
    contents.insert(value, at: position)
    return position
  }

  /// Servers and values, by name.
  @inlinable
  public func makeIterator() -> Iterator { Iterator(self) }

  /// Goes through a table by name.
  @frozen
  public struct Iterator: IteratorProtocol {
    @usableFromInline let table: ServerTable
    @usableFromInline var position = 0

    @inlinable
    init(_ table: ServerTable) { self.table = table }

    /// The next server and its value.
    @inlinable
    public mutating func next() -> (key: ServerName, value: Value)? {
      guard position < table.names.count else { return nil }
      defer { position += 1 }
      return (table.names[position], table.contents[position])
    }
  }
}

extension ServerTable: Equatable where Value: Equatable {}
extension ServerTable: Hashable where Value: Hashable {}
extension ServerTable: Sendable where Value: Sendable {}
