/// Happenings in order of time, then of arrival. The heap holds small entries; the happenings lie beside it.
struct HappeningQueue {
  private struct Entry {
    var at: Int
    var number: Int
    var slot: Int

    func isBefore(_ other: Entry) -> Bool { at < other.at || (at == other.at && number < other.number) }
  }

  private var heap: [Entry] = []
  private var slots: [Happening] = []
  private var free: [Int] = []
  private var number = 0

  mutating func add(_ happening: Happening, at time: Int) {
    number += 1
    var slot = slots.count
    if let reused = free.popLast() {
      slot = reused
      slots[slot] = happening
    } else {
      slots.append(happening)
    }
    heap.append(Entry(at: time, number: number, slot: slot))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].isBefore(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop(until end: Int) -> (at: Int, happening: Happening)? {
    guard let first = heap.first, first.at <= end else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      if 2 * parent + 1 < heap.count, heap[2 * parent + 1].isBefore(heap[least]) { least = 2 * parent + 1 }
      if 2 * parent + 2 < heap.count, heap[2 * parent + 2].isBefore(heap[least]) { least = 2 * parent + 2 }
      guard least != parent else { break }
      heap.swapAt(parent, least)
      parent = least
    }
    free.append(first.slot)
    var happening = Happening.nothing
    swap(&happening, &slots[first.slot])
    return (first.at, happening)
  }
}
