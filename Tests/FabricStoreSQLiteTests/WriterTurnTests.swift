import Dispatch
import FabricStore
import Glibc
import Synchronization
import Testing

@testable import FabricStoreSQLite

@Suite("Turns of the writers", .serialized)
struct WriterTurnTests {
  private let fabric: TemporaryFabric
  private let second: Int64 = 1_000_000_000

  init() throws { fabric = try TemporaryFabric() }

  private func join() throws -> WriterTurn {
    try #require(try WriterTurn(table: try TurnTable(path: FabricFiles.turns(fabric.path))))
  }

  /// Lets a writer wait on a thread of its own and notes when it got its turn.
  private func queue(_ turn: WriterTurn, _ name: String, isUrgent: Bool = false, into order: Order) -> Task<
    Void, Never
  > {
    let task = Task.detached {
      await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
          if turn.acquire(isUrgent: isUrgent, patience: 10_000_000_000) {
            order.note(name)
            turn.release()
          }
          continuation.resume()
        }
      }
    }
    for _ in 0..<5_000 where turn.table.state(turn.slot).pointee.load(ordering: .sequentiallyConsistent) == 0
    {
      usleep(1_000)
    }
    return task
  }

  @Test("turns come in order, the urgent one first")
  func order() async throws {
    let (holder, one, two, urgent) = (try join(), try join(), try join(), try join())
    #expect(holder.acquire(isUrgent: false, patience: second))
    let order = Order()
    let tasks = [
      queue(one, "one", into: order), queue(two, "two", into: order),
      queue(urgent, "urgent", isUrgent: true, into: order),
    ]
    #expect(order.names == [])
    holder.release()
    for task in tasks { await task.value }
    #expect(order.names == ["urgent", "one", "two"])
  }

  @Test("a waiting writer that becomes urgent goes before the others")
  func hurry() async throws {
    let (holder, one, two) = (try join(), try join(), try join())
    #expect(holder.acquire(isUrgent: false, patience: second))
    let order = Order()
    let tasks = [queue(one, "one", into: order), queue(two, "two", into: order)]
    two.hurry()
    holder.release()
    for task in tasks { await task.value }
    #expect(order.names == ["two", "one"])
  }

  @Test("a holder that dies holds nobody up")
  func deadHolder() throws {
    let survivor = try join()
    do {
      let victim = try join()
      #expect(victim.acquire(isUrgent: false, patience: second))
      // It goes without giving anything back, as a killed process does: the kernel takes its lock.
    }
    let start = MachineClock.steady
    #expect(survivor.acquire(isUrgent: false, patience: second))
    #expect(MachineClock.steady - start < 200_000_000)
    survivor.release()
  }

  @Test("a waiting writer that dies is passed over")
  func deadWaiter() throws {
    let survivor = try join()
    do {
      let victim = try join()
      let table = victim.table
      table.ticket(victim.slot).pointee.store(0, ordering: .sequentiallyConsistent)
      table.state(victim.slot).pointee.store(2, ordering: .sequentiallyConsistent)
    }
    let start = MachineClock.steady
    #expect(survivor.acquire(isUrgent: false, patience: second))
    #expect(MachineClock.steady - start < 200_000_000)
    survivor.release()
  }

  @Test("a waiting writer that sleeps is passed over, and gets its turn when it goes on")
  func sleeper() async throws {
    let (sleeper, other) = (try join(), try join())
    let table = sleeper.table
    table.ticket(sleeper.slot).pointee.store(0, ordering: .sequentiallyConsistent)
    table.state(sleeper.slot).pointee.store(1, ordering: .sequentiallyConsistent)
    let start = MachineClock.steady
    #expect(other.acquire(isUrgent: false, patience: second))
    #expect(MachineClock.steady - start < 500_000_000)
    other.release()
    #expect(sleeper.acquire(isUrgent: false, patience: second))
    sleeper.release()
  }

  @Test("a living holder is waited for, and patience ends")
  func patience() throws {
    let (holder, other) = (try join(), try join())
    #expect(holder.acquire(isUrgent: false, patience: second))
    #expect(!other.acquire(isUrgent: true, patience: 50_000_000))
    holder.release()
    #expect(other.acquire(isUrgent: true, patience: second))
    other.release()
  }

  @Test("a scribbled table neither traps nor stops anybody for good")
  func scribbled() throws {
    let one = try join()
    one.table.holder.pointee.store(.max, ordering: .sequentiallyConsistent)
    #expect(one.acquire(isUrgent: false, patience: second))
    one.release()
    one.table.holder.pointee.store(UInt64(TurnTable.slotCount), ordering: .sequentiallyConsistent)
    #expect(one.acquire(isUrgent: false, patience: second))
    one.release()
  }

  @Test("slots are given back")
  func slots() throws {
    var turns: [WriterTurn] = []
    for _ in 0..<TurnTable.slotCount { turns.append(try join()) }
    #expect(try WriterTurn(table: try TurnTable(path: FabricFiles.turns(fabric.path))) == nil)
    turns.removeLast().close()
    turns.append(try join())
    #expect(turns[0].table.liveSlots().count == TurnTable.slotCount - 1)
  }
}

/// Names in the order in which they came.
final class Order: Sendable {
  private let noted = Mutex<[String]>([])
  var names: [String] { noted.withLock { $0 } }
  func note(_ name: String) { noted.withLock { $0.append(name) } }
}
