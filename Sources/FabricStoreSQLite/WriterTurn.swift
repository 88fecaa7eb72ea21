import Glibc
import Synchronization

/// One open store's place among the writers of a file.
///
/// Turns are given by ticket, urgent ones first. Nothing here is needed for correctness: SQLite's own write lock keeps
/// two writers apart even if a table were scribbled over. What this adds is that nobody starves.
final class WriterTurn: Sendable {
  let table: TurnTable
  let slot: Int
  // How long a wait lasts before the one that waits looks for a dead holder.
  private static let slice: Int64 = 2_000_000
  // How long a turn may lie untaken before a living but sleeping process ahead is passed over.
  private static let patienceWithSleepers: Int64 = 50_000_000

  /// Takes a slot. Call it with the opening lock held.
  init?(table: TurnTable) throws(TurnTableMismatch) {
    guard let slot = try table.claim() else { return nil }
    self.table = table
    self.slot = slot
  }

  /// Gives the slot back.
  func close() { table.release(slot) }

  /// Waits for the turn, at most `patience` nanoseconds. Whether it came. `release` ends it.
  func acquire(isUrgent: Bool, patience: Int64) -> Bool {
    let number = table.tickets.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
    table.ticket(slot).pointee.store(number, ordering: .sequentiallyConsistent)
    table.state(slot).pointee.store(isUrgent ? 2 : 1, ordering: .sequentiallyConsistent)
    if takeIfFirst() { return true }
    let end = MachineClock.steady &+ patience
    var freeSince: Int64?
    while true {
      let isSignalled = SharedSemaphore.wait(table.turnSignal(slot), nanoseconds: Self.slice)
      if takeIfFirst() { return true }
      let now = MachineClock.steady
      if now >= end {
        table.state(slot).pointee.store(0, ordering: .sequentiallyConsistent)
        return false
      }
      if isSignalled { continue }
      if clearDeadHolder() { freeSince = freeSince ?? now } else { freeSince = nil }
      if let since = freeSince { clearPath(evenLiving: now &- since > Self.patienceWithSleepers) }
      restoreOwnPlace(isUrgent: isUrgent)
      if takeIfFirst() { return true }
    }
  }

  /// Makes a wait that is under way urgent.
  func hurry() {
    let (isWaiting, _) = table.state(slot).pointee.compareExchange(
      expected: 1,
      desired: 2,
      ordering: .sequentiallyConsistent
    )
    if isWaiting { sem_post(table.turnSignal(slot)) }
  }

  /// Ends the turn and wakes the next.
  func release() {
    let (_, _) = table.holder.pointee.compareExchange(
      expected: UInt64(slot + 1),
      desired: 0,
      ordering: .sequentiallyConsistent
    )
    table.turns.pointee.wrappingAdd(1, ordering: .relaxed)
    if let next = firstWaiting(except: slot) { sem_post(table.turnSignal(next)) }
  }

  /// Tells the other stores of this file that it has changed.
  func tellNews() {
    for other in 0..<TurnTable.slotCount
    where other != slot && table.isClaimed(other).pointee.load(ordering: .relaxed) == 1 {
      signalNews(other)
    }
  }

  /// Wakes this store's own monitor.
  func tellOneself() { signalNews(slot) }

  /// Waits for news, at most `nanoseconds`.
  func waitForNews(nanoseconds: Int64) {
    _ = SharedSemaphore.wait(table.newsSignal(slot), nanoseconds: nanoseconds)
    table.pendingNews(slot).pointee.store(0, ordering: .sequentiallyConsistent)
  }

  private func signalNews(_ slot: Int) {
    let old = table.pendingNews(slot).pointee.exchange(1, ordering: .sequentiallyConsistent)
    if old == 0 { sem_post(table.newsSignal(slot)) }
  }

  private func takeIfFirst() -> Bool {
    if let ahead = firstWaiting(except: nil), ahead != slot { return false }
    let (isTaken, _) = table.holder.pointee.compareExchange(
      expected: 0,
      desired: UInt64(slot + 1),
      ordering: .sequentiallyConsistent
    )
    if isTaken { table.state(slot).pointee.store(0, ordering: .sequentiallyConsistent) }
    return isTaken
  }

  /// The slot that is next: the most urgent, then the oldest ticket.
  private func firstWaiting(except own: Int?) -> Int? {
    var best: (slot: Int, state: UInt64, ticket: UInt64)?
    for other in 0..<TurnTable.slotCount where other != own {
      guard table.isClaimed(other).pointee.load(ordering: .relaxed) == 1 else { continue }
      let state = table.state(other).pointee.load(ordering: .sequentiallyConsistent)
      guard state != 0 else { continue }
      let number = table.ticket(other).pointee.load(ordering: .sequentiallyConsistent)
      if let best, best.state > state || (best.state == state && best.ticket <= number) { continue }
      best = (other, state, number)
    }
    return best?.slot
  }

  /// Ends the turn of a holder that died. Whether nobody has the turn now.
  private func clearDeadHolder() -> Bool {
    let holder = table.holder.pointee.load(ordering: .sequentiallyConsistent)
    guard holder != 0 else { return true }
    let holding = Int(truncatingIfNeeded: holder &- 1)
    guard (0..<TurnTable.slotCount).contains(holding) else {
      let (isFreed, _) = table.holder.pointee.compareExchange(
        expected: holder,
        desired: 0,
        ordering: .sequentiallyConsistent
      )
      return isFreed
    }
    guard holding != slot, !table.isAlive(holding) else { return false }
    table.bury(holding)
    return true
  }

  /// Removes those ahead that cannot take a free turn: dead ones, and living ones that sleep (a stopped process; it takes
  /// its place again when it goes on).
  private func clearPath(evenLiving: Bool) {
    while let ahead = firstWaiting(except: nil), ahead != slot {
      if !table.isAlive(ahead) {
        table.bury(ahead)
      } else if evenLiving {
        table.state(ahead).pointee.store(0, ordering: .sequentiallyConsistent)
      } else {
        return
      }
    }
  }

  private func restoreOwnPlace(isUrgent: Bool) {
    _ = table.state(slot).pointee.compareExchange(
      expected: 0,
      desired: isUrgent ? 2 : 1,
      ordering: .sequentiallyConsistent
    )
  }
}
