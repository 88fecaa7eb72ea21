import PoolModel

/// When which group is to be looked at again: a binary heap, so that thousands of groups in transition stay cheap.
struct AlarmQueue: Hashable, Sendable {
  private struct Alarm: Hashable, Comparable {
    var at: Instant
    var group: RoutingGroupID

    static func < (left: Self, right: Self) -> Bool { (left.at, left.group) < (right.at, right.group) }
  }

  private var heap: [Alarm] = []

  var first: Instant? { heap.first?.at }

  mutating func add(_ group: RoutingGroupID, at instant: Instant) {
    heap.append(Alarm(at: instant, group: group))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child] < heap[parent] else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes the earliest alarm that is due.
  mutating func popDue(at now: Instant) -> RoutingGroupID? {
    guard let first = heap.first, first.at <= now else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[least] {
        least = child
      }
      guard least != parent else { return first.group }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
