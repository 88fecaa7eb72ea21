/// Happenings in order of time, then of arrival. The heap holds a word each, of time, arrival and place; the happenings lie
/// beside it.
struct HappeningQueue {
  // A time below 2^23 ms, a number below 2^23 and a slot below 2^17 in one word.
  private static let slotBits = 17
  private static let numberBits = 23
  private static let most = (1 << 23) - 1

  private var heap: [UInt64] = []
  private var slots: [Happening] = []
  private var free: [Int] = []
  private var number = 0

  init() {
    heap.reserveCapacity(256)
    slots.reserveCapacity(256)
    free.reserveCapacity(256)
  }

  mutating func add(_ happening: Happening, at time: Int) {
    number += 1
    precondition(time >= 0 && time <= Self.most && number <= Self.most, "a history beyond all bounds")
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
      slots[slot] = happening
    } else {
      slot = slots.count
      precondition(slot < 1 << Self.slotBits, "more happenings at once than a history has")
      slots.append(happening)
    }
    let key =
      UInt64(time) << UInt64(Self.numberBits + Self.slotBits) | UInt64(number) << UInt64(Self.slotBits)
      | UInt64(slot)
    heap.append(key)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard key < heap[parent] else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = key
  }

  mutating func pop(until end: Int) -> (at: Int, happening: Happening)? {
    guard let first = heap.first else { return nil }
    let time = Int(first >> UInt64(Self.numberBits + Self.slotBits))
    guard time <= end, let last = heap.popLast() else { return nil }
    if !heap.isEmpty { sink(last) }
    let slot = Int(first & (1 << UInt64(Self.slotBits) - 1))
    free.append(slot)
    var happening = Happening.nothing
    swap(&happening, &slots[slot])
    return (time, happening)
  }

  /// Puts a word in at the top, which is free.
  private mutating func sink(_ key: UInt64) {
    var parent = 0
    while true {
      var least = 2 * parent + 1
      guard least < heap.count else { break }
      if least + 1 < heap.count, heap[least + 1] < heap[least] { least += 1 }
      guard heap[least] < key else { break }
      heap[parent] = heap[least]
      parent = least
    }
    heap[parent] = key
  }
}
