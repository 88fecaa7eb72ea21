import FabricRecords
import FabricStore
import PoolDriving
import PoolModel

/// Leave to act on the pool, as long as no newer coordinator does: every commit of an act carries its comparison.
struct ActFence: Hashable, Sendable {
  /// Holds while the highest generation that acted is still the act's own.
  let comparison: Comparison
  /// The act's generation.
  let generation: UInt64

  /// Lets `act` in: raises the pool's highest generation to the act's, or answers `nil` if it is higher already.
  static func admit(_ act: Act, to store: any FabricStore) async throws(FabricStoreError) -> ActFence? {
    let key = FabricKey.actGeneration
    let generation = act.identity.generation
    let value = FabricCodec.encode(generation: generation)
    while true {
      let entry = try await store.read(key.text)
      var highest: UInt64 = 0
      if let entry {
        do throws(FabricRecordError) {
          highest = try FabricCodec.decodeGeneration(entry.value, key: key)
        } catch {
          throw error.storeError
        }
      }
      if highest > generation { return nil }
      let fence = ActFence(comparison: .value(key.text, value), generation: generation)
      if entry != nil, highest == generation { return fence }
      let result = try await store.commit(
        FabricTransaction(
          when: [.modRevision(key.text, entry?.modRevision ?? 0)],
          then: [.put(key.text, value)]
        )
      )
      if result.revision != nil { return fence }
    }
  }

  /// Whether a refused transaction was refused because a newer coordinator acts.
  func isBroken(by current: [Entry]) -> Bool {
    guard let entry = current.first(where: { $0.key == FabricKey.actGeneration.text }) else { return true }
    return entry.value != FabricCodec.encode(generation: generation)
  }
}
