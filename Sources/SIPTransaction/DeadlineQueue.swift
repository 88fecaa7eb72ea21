/// Which of many transactions, contexts or subscriptions has to be looked at next: a binary heap. One that is looked at earlier,
/// or is gone, leaves its entry behind; its owner skips it.
public struct DeadlineQueue: Sendable {
  /// A deadline and whose it is.
  public struct Entry: Sendable {
    /// When it has to be looked at, on its owner's clock.
    public var at: Int64
    /// Its owner's number for it.
    public var id: UInt64

    /// An entry.
    public init(at: Int64, id: UInt64) {
      self.at = at
      self.id = id
    }
  }

  private var heap: [Entry] = []

  /// An empty queue.
  public init() {}

  /// The earliest entry.
  public var first: Entry? { heap.first }

  /// Adds an entry; O(log n).
  public mutating func insert(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].at < heap[parent].at else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes the earliest entry out; O(log n).
  public mutating func removeFirst() -> Entry? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].at < heap[smallest].at { smallest = child }
      guard smallest != parent else { return first }
      heap.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
