public import FabricStore
import PoolModel
public import Replication

extension FabricChange {
  /// What a watch told, when it is about a control record; `nil` for any other key. Throws when the record cannot be
  /// read: whoever follows the fabric must then stop deciding, because it no longer knows what holds.
  public init?(_ change: Change) throws(FabricRecordError) {
    switch change {
    case .put(let entry):
      guard let put = try Self.put(entry) else { return nil }
      self = put
    case .delete(let key, _):
      switch FabricKey(key) {
      case .server(let name): self = .server(name, nil)
      case .live(let name): self = .live(name, nil)
      case .group(let id): self = .group(id, nil)
      case .epoch: self = .epoch(0)
      case .pool, .fence, .binding, .user, .nonceSecret, .actGeneration, nil: return nil
      }
    }
  }

  static func put(_ entry: Entry) throws(FabricRecordError) -> FabricChange? {
    let revision = entry.modRevision
    switch FabricKey(entry.key) {
    case .pool:
      return .pool(Versioned(try FabricCodec.decodePool(entry.value), revision: revision))
    case .server(let name):
      return .server(
        name,
        Versioned(try FabricCodec.decodeServer(entry.value, name: name), revision: revision)
      )
    case .live(let name):
      return .live(name, Versioned(try FabricCodec.decodeLive(entry.value, name: name), revision: revision))
    case .group(let id):
      return .group(id, Versioned(try FabricCodec.decodeGroup(entry.value, id: id), revision: revision))
    case .epoch: return .epoch(revision)
    case .fence, .binding, .user, .nonceSecret, .actGeneration, nil: return nil
    }
  }
}
