import FabricStore
import GRDB
import Synchronization

/// What a process knows of the changes that lie in packs: of each key the newest one's revision. Whoever writes looks here
/// before table `current`, which those changes have not reached.
///
/// It learns of its own commits as they become durable, and reads those of other processes at the beginning of a batch. Two
/// generations: while the older one's packs are folded into `current` the younger one grows; when no pack of the older one
/// is left it is forgotten as a whole. What is said here of a key whose pack is gone is still right: a later change of the
/// key would lie in a later pack, and be known.
final class PackIndex: Sendable {
  /// The newest change of a key.
  struct Newest {
    var revision: Revision
    /// 0 when it was deleted.
    var created: Revision
  }

  private struct Generation {
    var newest: [KeyHash: Newest] = [:]
    var changes = 0
    var last: Revision = 0
  }

  private struct State {
    /// Every pack up to this revision was read; `nil` before the first reading.
    var seen: Revision?
    var young = Generation()
    var old = Generation()
    /// Keys whose newest change in a pack attached them to a lease.
    var leases: [String: UInt64] = [:]
    var fold: PackFold?
  }

  /// What a batch adds once it is durable.
  struct Addition {
    var hash: KeyHash
    var newest: Newest
    var key: String
    var lease: UInt64?
  }

  private let state = Mutex(State())
  /// Changes of a generation, and how many younger ones there must be before it is folded: so much history is kept at least.
  private let generationSize: Int
  private let slack: Int

  init(generationSize: Int, slack: Int) {
    self.generationSize = generationSize
    self.slack = slack
  }

  // MARK: Reading

  /// Reads the packs that others have written since. Call it in the batch's transaction.
  func catchUp(_ db: Database, to revision: Revision, path: String) throws {
    let (seen, hasOld) = state.withLock { ($0.seen, !$0.old.newest.isEmpty) }
    if seen != revision {
      var additions: [Addition] = []
      let statement = try SQLStatement(db, "SELECT content FROM pack WHERE id >= ? ORDER BY id")
      defer { statement.reset() }
      statement.bind(StoreRow.logID((seen ?? 0) + 1), at: 1)
      while try statement.step() {
        try statement.withBytes(0) { bytes in
          var reader = PackReader(bytes, path: path)
          while let change = try reader.next() {
            additions.append(
              Addition(
                hash: reader.hash(change.key),
                newest: Newest(revision: change.revision, created: change.isDeletion ? 0 : change.created),
                key: change.lease == 0 ? "" : reader.text(change.key),
                lease: change.lease == 0 ? nil : change.lease
              )
            )
          }
        }
      }
      state.withLock { state in
        for addition in additions { add(addition, to: &state, isKeyKnown: addition.lease != nil) }
        state.seen = revision
        rotate(&state)
      }
    }
    guard hasOld else { return }
    let oldest = try Self.oldest(db)
    state.withLock { state in
      // Nothing of the older generation lies in a pack any more.
      if oldest > state.old.last { state.old = Generation() }
    }
  }

  private static func oldest(_ db: Database) throws -> Revision {
    let statement = try SQLStatement(db, "SELECT min(id) FROM pack")
    defer { statement.reset() }
    guard try statement.step(), !statement.isNull(0) else { return .max }
    return statement.unsigned(0) >> 16
  }

  /// The newest change of a key that may lie in a pack.
  func newest(_ hash: KeyHash) -> Newest? {
    state.withLock { $0.young.newest[hash] ?? $0.old.newest[hash] }
  }

  /// The lease of a key by its newest change in a pack.
  func lease(of key: String) -> UInt64? {
    state.withLock { $0.leases.isEmpty ? nil : $0.leases[key] }
  }

  /// The keys that are attached to a lease by a change in a pack.
  func keys(of lease: UInt64) -> [String] {
    state.withLock { $0.leases.filter { $0.value == lease }.map(\.key) }
  }

  // MARK: Learning

  /// A batch has become durable that began at `first` and ended at `last`.
  func accept(_ additions: [Addition], from first: Revision, to last: Revision, folded: PackFold.Slice?) {
    state.withLock { state in
      if state.seen == first || !additions.isEmpty {
        for addition in additions { add(addition, to: &state, isKeyKnown: true) }
        state.seen = last
        rotate(&state)
      }
      if let folded { state.fold?.accept(folded) }
    }
  }

  /// Nothing is known any more: a commit's outcome is unknown.
  func forget() { state.withLock { $0 = State() } }

  private func add(_ addition: Addition, to state: inout State, isKeyKnown: Bool) {
    state.young.newest[addition.hash] = addition.newest
    state.young.changes += 1
    state.young.last = max(state.young.last, addition.newest.revision)
    if let lease = addition.lease {
      state.leases[addition.key] = lease
    } else if !state.leases.isEmpty {
      // Of a change that was read the key is not known: then all that could be it are looked at.
      if isKeyKnown {
        state.leases[addition.key] = nil
      } else {
        state.leases = state.leases.filter { KeyHash($0.key) != addition.hash }
      }
    }
  }

  private func rotate(_ state: inout State) {
    guard state.old.newest.isEmpty, state.young.changes >= generationSize else { return }
    state.old = state.young
    state.young = Generation()
  }

  // MARK: Folding

  /// The revision up to which packs should be folded now, if that is so and nobody here does it.
  /// - Parameter forgotten: the store's compacted revision: what is older is folded without need for room.
  func foldIsDue(forgotten: Revision) -> Revision? {
    state.withLock { state in
      guard state.fold == nil else { return nil }
      if state.old.newest.isEmpty {
        guard state.young.changes > 0, state.young.last <= forgotten else { return nil }
        state.old = state.young
        state.young = Generation()
      }
      guard state.young.changes >= slack || state.old.last <= forgotten else { return nil }
      return state.old.last
    }
  }

  /// Begins, goes on with, or ends folding.
  func set(_ fold: PackFold?) { state.withLock { $0.fold = fold } }

  /// Has the next part of a fold read. Whether there was one; if not, the fold is over.
  func nextPart(_ read: ([Int64]) throws -> PackedItems) rethrows -> Bool {
    let packs = state.withLock { state -> [Int64]? in
      if let packs = state.fold?.takePart() { return packs }
      // By now `old` may be a later generation.
      if let fold = state.fold, state.old.last <= fold.upTo { state.old = Generation() }
      state.fold = nil
      return nil
    }
    guard let packs else { return false }
    let items = try read(packs)
    state.withLock { $0.fold?.begin(items, packs) }
    return true
  }

  /// What should be folded next, at most so many keys.
  func slice(_ count: Int) -> PackFold.Slice? { state.withLock { $0.fold?.slice(count) } }

  /// Whether a fold has work for a batch.
  var hasSlices: Bool { state.withLock { $0.fold?.isEmpty == false } }
  /// Whether a fold waits for its next part to be read.
  var wantsPart: Bool { state.withLock { $0.fold?.isEmpty == true } }
}
