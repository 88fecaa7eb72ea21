import Glibc
import Synchronization

/// The shared memory through which the open stores of one fabric file take turns: the side file `<file>.turns`.
///
/// A page of header, then a slot per open store. A slot belongs to whoever has the kernel's lock on the slot's byte, so
/// a process that dies gives its slot up at that moment. See docs/decisions/0004-fair-writers.md.
final class TurnTable: Sendable {
  /// How many stores may be open on one file.
  static let slotCount = 128
  private static let slotSize = 256
  private static let headerSize = 4_096
  static let size = headerSize + slotCount * slotSize
  // Bytes that are only locked, never written; they lie behind the data.
  static let openingByte: Int64 = 1 << 20
  /// Locked by the process that folds packs.
  static let foldingByte: Int64 = openingByte + 1_024
  private static func lifeByte(_ slot: Int) -> Int64 { openingByte + 1 + Int64(slot) }
  /// "QuorTurn" and the layout's version.
  private static let magic: UInt64 = 0x5175_6f72_5475_726e
  static let layoutVersion: UInt64 = 1

  let file: OpenFile
  // Mapped memory that lives as long as this object; all access goes through atomics and semaphores.
  nonisolated(unsafe) private let base: UnsafeMutableRawPointer

  /// Maps the side file and makes it when it is not there. The caller holds the opening lock when it claims a slot.
  init(path: String) throws(FileFailure) {
    file = try OpenFile(path, flags: O_RDWR | O_CREAT)
    guard ftruncate(file.number, off_t(Self.size)) == 0 else { throw FileFailure(path: path, number: errno) }
    let mapped = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, file.number, 0)
    guard let mapped, mapped != MAP_FAILED else { throw FileFailure(path: path, number: errno) }
    base = mapped
  }

  deinit { munmap(base, Self.size) }

  private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  private var magicWord: UnsafeMutablePointer<Atomic<UInt64>> { word(0) }
  var layout: UnsafeMutablePointer<Atomic<UInt64>> { word(8) }
  /// The next ticket.
  var tickets: UnsafeMutablePointer<Atomic<UInt64>> { word(16) }
  /// Whose turn it is: slot + 1, or 0.
  var holder: UnsafeMutablePointer<Atomic<UInt64>> { word(24) }
  /// How many turns were taken.
  var turns: UnsafeMutablePointer<Atomic<UInt64>> { word(32) }

  private func offset(_ slot: Int) -> Int { Self.headerSize + slot * Self.slotSize }
  /// 0 not waiting, 1 waiting, 2 waiting urgently.
  func state(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { word(offset(slot)) }
  /// The ticket of a waiting slot.
  func ticket(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { word(offset(slot) + 8) }
  /// 1 when news was told that the slot's store has not looked at yet.
  func pendingNews(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { word(offset(slot) + 16) }
  /// 1 while a store has the slot.
  func isClaimed(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt64>> { word(offset(slot) + 24) }
  /// Told when it may be the slot's turn.
  func turnSignal(_ slot: Int) -> UnsafeMutablePointer<sem_t> {
    (base + offset(slot) + 64).assumingMemoryBound(to: sem_t.self)
  }
  /// Told when the file has changed.
  func newsSignal(_ slot: Int) -> UnsafeMutablePointer<sem_t> {
    (base + offset(slot) + 128).assumingMemoryBound(to: sem_t.self)
  }

  /// Whether the slot's owner lives. Asked of the kernel through this store's own open file.
  func isAlive(_ slot: Int) -> Bool { file.isLockedElsewhere(byte: Self.lifeByte(slot)) }

  /// Slots whose owner lives, other than `own`.
  func liveSlots(except own: Int? = nil) -> [Int] {
    (0..<Self.slotCount).filter { $0 != own && isAlive($0) }
  }

  /// Claims a free slot; `nil` when all are taken. Call it with the opening lock held.
  /// - Throws: when the table was laid out by another release and a process of that release still has the file open.
  func claim() throws(TurnTableMismatch) -> Int? {
    if magicWord.pointee.load(ordering: .sequentiallyConsistent) != Self.magic
      || layout.pointee.load(ordering: .sequentiallyConsistent) != Self.layoutVersion
      || liveSlots().isEmpty
    {
      // Nobody is here, or nobody can be read: whatever is in the table is a leftover.
      guard liveSlots().isEmpty else { throw TurnTableMismatch() }
      memset(base, 0, Self.size)
      layout.pointee.store(Self.layoutVersion, ordering: .sequentiallyConsistent)
      magicWord.pointee.store(Self.magic, ordering: .sequentiallyConsistent)
    }
    for slot in 0..<Self.slotCount where file.tryLock(byte: Self.lifeByte(slot)) {
      state(slot).pointee.store(0, ordering: .sequentiallyConsistent)
      pendingNews(slot).pointee.store(0, ordering: .sequentiallyConsistent)
      if holder.pointee.load(ordering: .sequentiallyConsistent) == UInt64(slot + 1) {
        holder.pointee.store(0, ordering: .sequentiallyConsistent)
      }
      sem_init(turnSignal(slot), 1, 0)
      sem_init(newsSignal(slot), 1, 0)
      isClaimed(slot).pointee.store(1, ordering: .sequentiallyConsistent)
      return slot
    }
    return nil
  }

  /// Gives a slot back.
  func release(_ slot: Int) {
    state(slot).pointee.store(0, ordering: .sequentiallyConsistent)
    isClaimed(slot).pointee.store(0, ordering: .sequentiallyConsistent)
    file.unlock(byte: Self.lifeByte(slot))
  }

  /// Frees what a dead owner left in a slot.
  func bury(_ slot: Int) {
    state(slot).pointee.store(0, ordering: .sequentiallyConsistent)
    isClaimed(slot).pointee.store(0, ordering: .sequentiallyConsistent)
    _ = holder.pointee.compareExchange(
      expected: UInt64(slot + 1),
      desired: 0,
      ordering: .sequentiallyConsistent
    )
  }
}

/// The side file is in use by a release with another layout of it.
struct TurnTableMismatch: Error {}

/// Waits on a semaphore in shared memory with a clock that nobody sets; `sem_timedwait` would follow the wall clock.
enum SharedSemaphore {
  private typealias ClockWait =
    @convention(c) (UnsafeMutablePointer<sem_t>, clockid_t, UnsafePointer<timespec>) -> Int32

  /// `sem_clockwait` (glibc 2.30), which Glibc's module does not show.
  private static let clockWait: ClockWait? = dlsym(nil, "sem_clockwait").map {
    unsafeBitCast($0, to: ClockWait.self)
  }

  /// Waits for at most `nanoseconds`. Whether it was signalled.
  static func wait(_ semaphore: UnsafeMutablePointer<sem_t>, nanoseconds: Int64) -> Bool {
    guard let clockWait else {
      if sem_trywait(semaphore) == 0 { return true }
      usleep(useconds_t(clamping: min(nanoseconds / 1_000, 1_000)))
      return sem_trywait(semaphore) == 0
    }
    var deadline = MachineClock.steadyDeadline(after: nanoseconds)
    while clockWait(semaphore, CLOCK_MONOTONIC, &deadline) != 0 {
      guard errno == EINTR else { return false }
    }
    return true
  }
}
