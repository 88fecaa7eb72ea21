import FabricRecords
import FabricStore
import PoolModel

/// One group as this server holds it: the table of its records, and its writes while it is led here.
///
/// Knowledge of a record comes by three ways that overtake each other: the loading, the watch, and the answers to our
/// own commits. Each piece carries the revision it is of, and an older piece never replaces a newer one. What was deleted
/// by one way is remembered until the watch has come that far, so that its older news cannot bring the record back.
final class GroupShard {
  let id: RoutingGroupID
  /// `binding/<5 digits>/`.
  let keyPrefix: String
  let fenceKey: String

  private(set) var records: [String: StoredRecord] = [:]
  /// How many records are of users that nobody counts.
  private var hidden = 0
  private let isHidden: (String) -> Bool
  /// How many records are of users.
  var countedRecords: Int { records.count - hidden }
  /// The table holds everything up to this revision; 0 while nothing was loaded.
  private(set) var loadedRevision: Revision = 0
  private var deletions: [String: Revision] = [:]

  /// Names the loading under way, so that an outdated one is dropped.
  var loadNumber: UInt64 = 0
  var isLoading = false
  private var arriving: [String: StoredRecord] = [:]
  private var meanwhile: [(aor: String, bytes: [UInt8]?, revision: Revision)] = []

  /// The generation it is led at, as the fence's value; `nil` when it is not led here.
  var generation: UInt64?
  var fenceValue: [UInt8] = []
  var isHeld = false
  /// Writes that wait for a hold to end.
  var waiting: [PendingWrite] = []
  /// Writes queued or in flight.
  var outstanding = 0

  /// - Parameter isHidden: whether a record of that address-of-record is not counted.
  init(id: RoutingGroupID, isHidden: @escaping (String) -> Bool = { _ in false }) {
    self.id = id
    self.isHidden = isHidden
    var prefix = FabricKey.binding(id, addressOfRecord: "").text
    prefix.makeContiguousUTF8()
    keyPrefix = prefix
    fenceKey = FabricKey.fence(id).text
  }

  var isLoaded: Bool { loadedRevision > 0 }

  /// Takes in that a record had this value (`nil`: was gone) at a revision.
  func learn(_ aor: String, _ bytes: [UInt8]?, at revision: Revision) {
    if isLoading { meanwhile.append((aor, bytes, revision)) }
    if isLoaded { apply(aor, bytes, at: revision) }
  }

  private func apply(_ aor: String, _ bytes: [UInt8]?, at revision: Revision) {
    guard revision > loadedRevision else { return }
    if !deletions.isEmpty, let gone = deletions[aor], gone >= revision { return }
    if let place = records.index(forKey: aor) {
      guard records.values[place].revision < revision else { return }
      if let bytes {
        // In its place: a registration that is refreshed costs one look-up.
        records.values[place] = StoredRecord(bytes: bytes, revision: revision)
        return
      }
    }
    if let bytes {
      let old = records.updateValue(StoredRecord(bytes: bytes, revision: revision), forKey: aor)
      if old == nil, isHidden(aor) { hidden += 1 }
      if !deletions.isEmpty { deletions[aor] = nil }
    } else {
      if records.removeValue(forKey: aor) != nil, isHidden(aor) { hidden -= 1 }
      deletions[aor] = revision
    }
  }

  /// The watch has told everything up to here: older deletions need not be remembered. `false` when none is left.
  func watchReached(_ revision: Revision) -> Bool {
    deletions = deletions.filter { $0.value > revision }
    return !deletions.isEmpty
  }

  func beginLoad(_ number: UInt64) {
    loadNumber = number
    isLoading = true
    arriving = [:]
    meanwhile = []
  }

  func takePage(_ entries: [Entry]) {
    let prefix = keyPrefix.utf8.count
    for entry in entries {
      let aor = String(decoding: entry.key.utf8.dropFirst(prefix), as: UTF8.self)
      arriving[aor] = StoredRecord(bytes: entry.value, revision: entry.modRevision)
    }
  }

  /// The loading is complete at `revision`; what came meanwhile and is newer is put on top.
  func finishLoad(at revision: Revision) {
    records = arriving
    hidden = arriving.keys.count(where: isHidden)
    loadedRevision = max(1, revision)
    deletions = [:]
    isLoading = false
    arriving = [:]
    for (aor, bytes, changed) in meanwhile { apply(aor, bytes, at: changed) }
    meanwhile = []
  }

  func abandonLoad() {
    isLoading = false
    arriving = [:]
    meanwhile = []
  }
}

/// A write that was asked for and not answered.
final class PendingWrite {
  let shard: GroupShard
  let aor: String
  let key: String
  let bytes: [UInt8]?
  let expecting: Revision
  /// The generation it was decided at: a later leadership of ours does not take it over.
  let generation: UInt64
  let completion: (WriteOutcome) -> Void

  init(
    shard: GroupShard,
    aor: String,
    bytes: [UInt8]?,
    expecting: Revision,
    generation: UInt64,
    completion: @escaping (WriteOutcome) -> Void
  ) {
    self.shard = shard
    self.aor = aor
    key = shard.keyPrefix + aor
    self.bytes = bytes
    self.expecting = expecting
    self.generation = generation
    self.completion = completion
  }
}
