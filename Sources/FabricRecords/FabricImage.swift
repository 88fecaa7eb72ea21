public import FabricStore
import PoolModel
public import Replication

/// The control records of a pool as read, with the values they were read from: what an update needs to keep the fields
/// that this release does not know.
public struct FabricImage: Hashable, Sendable {
  /// The records.
  public private(set) var view: FabricView
  /// Their values by key.
  public private(set) var values: [String: [UInt8]]

  /// No record at revision 0.
  public init() {
    view = FabricView()
    values = [:]
  }

  /// Takes in what a watch told. Changes of other keys only move the revision on.
  public mutating func apply(_ batch: WatchBatch) throws(FabricRecordError) {
    for change in batch.changes { try apply(change) }
    view.revision = max(view.revision, batch.revision)
  }

  private mutating func apply(_ change: Change) throws(FabricRecordError) {
    guard let told = try FabricChange(change) else { return }
    view.apply(told)
    switch change {
    case .put(let entry): values[entry.key] = entry.value
    case .delete(let key, _): values[key] = nil
    }
  }

  /// Reads the control records, and nothing else, at one revision.
  public static func read(from store: any FabricStore) async throws(FabricStoreError) -> FabricImage {
    var attempts = 0
    while true {
      do throws(FabricStoreError) {
        return try await readOnce(store)
      } catch {
        // Somebody compacted between two of the reads.
        attempts += 1
        guard error.code == .compacted, attempts < 5 else { throw error }
      }
    }
  }

  private static func readOnce(_ store: any FabricStore) async throws(FabricStoreError) -> FabricImage {
    var image = FabricImage()
    let servers = try await store.readAll(FabricKey.servers)
    var entries = servers.entries
    for range in [
      .key(FabricKey.pool.text), .key(FabricKey.epoch.text), FabricKey.processes, FabricKey.groups,
    ] as [KeyRange] {
      entries += try await store.readAll(range, at: servers.revision).entries
    }
    image.view.revision = servers.revision
    for entry in entries {
      do throws(FabricRecordError) {
        try image.apply(.put(entry))
      } catch {
        throw error.storeError
      }
    }
    return image
  }
}

extension FabricView {
  /// Reads the control records, and nothing else, at one revision.
  public static func read(from store: any FabricStore) async throws(FabricStoreError) -> FabricView {
    try await FabricImage.read(from: store).view
  }
}
