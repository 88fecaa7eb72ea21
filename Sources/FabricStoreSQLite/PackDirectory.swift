import FabricStore
import GRDB
import Synchronization

/// Which packs have changes of which prefix: so that who reads one group need not look at the packs of all others.
///
/// Ids only grow, so each reading adds what has come since the one before, as far as its snapshot goes. What was folded and
/// deleted since is noticed when it is not found; but a reading whose snapshot is older than that still needs it. So it is
/// forgotten when nobody reads: every later snapshot is as new as the one that did not find it.
final class PackDirectory: Sendable {
  private struct State {
    /// By prefix, oldest first.
    var packs: [KeyBytes: [Int64]] = [:]
    /// The newest pack that was seen.
    var seen: Int64 = 0
    var readings = 0
    /// Packs that a reading did not find.
    var gone: Set<Int64> = []
  }

  private let state = Mutex(State())
  /// What all keys that lie in packs begin with.
  private let deferredPrefix: String

  init(deferredPrefix: String) { self.deferredPrefix = deferredPrefix }

  /// Whether a range may have keys that lie in packs.
  func mayConcern(_ range: KeyRange) -> Bool { Self.mayHold(deferredPrefix, in: range) }

  /// The packs before an id that may have keys of a range: those of one prefix oldest first.
  func packs(_ db: Database, in range: KeyRange, before end: Int64) throws -> [Int64] {
    try addNew(db)
    return state.withLock { state in
      state.packs.filter { Self.mayHold($0.key.text, in: range) }
        .flatMap { $0.value.prefix { $0 < end } }
    }
  }

  /// A reading begins; its snapshot is taken after this.
  func begin() { state.withLock { $0.readings += 1 } }

  /// A reading has ended.
  func end() {
    state.withLock { state in
      state.readings -= 1
      guard state.readings == 0, !state.gone.isEmpty else { return }
      let gone = state.gone
      for (prefix, packs) in state.packs where packs.contains(where: gone.contains) {
        let left = packs.filter { !gone.contains($0) }
        state.packs[prefix] = left.isEmpty ? nil : left
      }
      state.gone = []
    }
  }

  /// A reading did not find these.
  func miss(_ packs: Set<Int64>) {
    if !packs.isEmpty { state.withLock { $0.gone.formUnion(packs) } }
  }

  /// Nothing is known any more: the file may be another one.
  func forget() {
    state.withLock { state in
      state.packs = [:]
      state.seen = 0
      state.gone = []
    }
  }

  private func addNew(_ db: Database) throws {
    let statement = try SQLStatement(db, "SELECT id, prefix FROM pack WHERE id > ? ORDER BY id")
    defer { statement.reset() }
    statement.bind(state.withLock { $0.seen }, at: 1)
    var new: [(id: Int64, prefix: KeyBytes)] = []
    while try statement.step() { new.append((statement.integer(0), KeyBytes(statement.text(1)))) }
    guard !new.isEmpty else { return }
    state.withLock { state in
      // Another reader may have added some meanwhile.
      let seen = state.seen
      for (id, prefix) in new where id > seen {
        state.packs[prefix, default: []].append(id)
        state.seen = id
      }
    }
  }

  /// Whether a key that begins with `prefix` may lie in a range.
  private static func mayHold(_ prefix: String, in range: KeyRange) -> Bool {
    if let end = range.end, !KeyRange.precedes(prefix, end) { return false }
    return !KeyRange.precedes(prefix, range.start) || range.start.utf8.starts(with: prefix.utf8)
  }
}
