import FabricStore
import Synchronization

/// A write that waits for its turn.
final class PendingWrite: Sendable {
  /// Does its part inside the common transaction.
  typealias Work = @Sendable (inout WriteBatch) throws -> Void

  let isUrgent: Bool
  /// How much it counts towards the size of a group.
  let weight: Int
  let work: Work
  private let finished = Mutex<(@Sendable (FabricStoreError?) -> Void)?>(nil)

  init(isUrgent: Bool, weight: Int = 1, work: @escaping Work) {
    self.isUrgent = isUrgent
    self.weight = weight
    self.work = work
  }

  /// Sets who is told, once: `nil` when the work is durable.
  func whenFinished(_ finish: @escaping @Sendable (FabricStoreError?) -> Void) {
    finished.withLock { $0 = finish }
  }

  /// Tells the caller; only the first call counts.
  func finish(_ error: FabricStoreError?) {
    let finish = finished.withLock { finish in
      defer { finish = nil }
      return finish
    }
    finish?(error)
  }
}

/// The writes of one process that wait: urgent ones first, each class in order of arrival.
struct CommitQueue {
  private var urgent: [PendingWrite] = []
  private var normal: [PendingWrite] = []
  private var weight = 0

  var isEmpty: Bool { urgent.isEmpty && normal.isEmpty }
  var hasUrgent: Bool { !urgent.isEmpty }
  /// How much waits.
  var totalWeight: Int { weight }

  mutating func append(_ write: PendingWrite) {
    weight += write.weight
    if write.isUrgent { urgent.append(write) } else { normal.append(write) }
  }

  /// Takes a write back that was not begun. Whether it was still here.
  mutating func remove(_ write: PendingWrite) -> Bool {
    let before = urgent.count + normal.count
    urgent.removeAll { $0 === write }
    normal.removeAll { $0 === write }
    guard urgent.count + normal.count < before else { return false }
    weight -= write.weight
    return true
  }

  /// The next group: at least one write, together not more than `limit` unless a single one is larger.
  mutating func take(limit: Int) -> [PendingWrite] {
    var group: [PendingWrite] = []
    var room = limit
    func fill(from list: inout [PendingWrite]) {
      var count = 0
      for write in list {
        guard group.isEmpty || write.weight <= room else { break }
        group.append(write)
        room -= write.weight
        count += 1
      }
      list.removeFirst(count)
    }
    fill(from: &urgent)
    fill(from: &normal)
    weight -= group.reduce(0) { $0 + $1.weight }
    return group
  }

  /// Everything.
  mutating func takeAll() -> [PendingWrite] {
    defer { self = CommitQueue() }
    return urgent + normal
  }
}
