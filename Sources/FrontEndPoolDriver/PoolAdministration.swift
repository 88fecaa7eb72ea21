import FabricRecords
import FabricStore
public import PoolDriving
public import PoolModel
public import Replication

/// What an operator does to a pool beside patching it: resets, and adding and removing servers. Nothing here deletes
/// bindings, users or out-marks. Whether an act is safe now is for the caller's gates to say.
public struct PoolAdministration: Sendable {
  let driver: FrontEndPoolDriver

  /// The administration of the pool that `driver` drives.
  public init(_ driver: FrontEndPoolDriver) { self.driver = driver }

  /// Records a pool and its servers in a store that has none. Returns whether it was this call that did; throws
  /// `.refused` when the store belongs to another pool.
  public func formPool(_ record: PoolRecord, servers: [ServerRecord]) async throws(PoolDriverError) -> Bool {
    guard record.name == driver.pool else {
      throw PoolDriverError(.refused, "this is pool \(driver.pool), not \(record.name)")
    }
    for server in servers { try Self.check(server.name) }
    do throws(FabricStoreError) {
      let image = try await FabricImage.read(from: driver.store)
      if image.view.pool == nil {
        let transactions = PoolFormation.updates(record, servers: servers).map { $0.transaction() }
        for (index, transaction) in transactions.enumerated() {
          let result = try await driver.store.commit(transaction)
          if index == 0, result.revision == nil { break }
        }
      }
      let formed = try await FabricImage.read(from: driver.store).view.pool?.record
      guard let formed, formed.name == record.name else {
        throw FabricStoreError(.unsuitable, "it belongs to pool \(formed?.name.rawValue ?? "?")")
      }
      return image.view.pool == nil
    } catch {
      guard error.code != .unsuitable else {
        throw PoolDriverError(.refused, "the fabric cannot be used for pool \(record.name): \(error.message)")
      }
      throw FrontEndPoolDriver.unreachable(error)
    }
  }

  /// Adds a server; it starts empty, and replicas move to it once it runs. Nothing happens when it is there already as
  /// given.
  public func addServer(_ server: ServerName, upgradeDomain: UpgradeDomain, act: Act)
    async throws(PoolDriverError)
  {
    try Self.check(server)
    let fence = try await driver.admit(act)
    let until = ContinuousClock.now + driver.undoTime
    try await driver.follow(until: until) { image async throws(PoolDriverError) -> Void? in
      if let found = image.view.servers[server]?.record {
        guard found.upgradeDomain == upgradeDomain else {
          throw PoolDriverError(
            .refused,
            "pool \(driver.pool) has a server \(server) already, in upgrade domain \(found.upgradeDomain)"
          )
        }
        return ()
      }
      let record = ServerRecord(name: server, upgradeDomain: upgradeDomain, service: .inService)
      _ = try await driver.commit([ServerAddition.update(record)], over: image, under: fence, until: until)
      return nil
    }
  }

  private static func check(_ server: ServerName) throws(PoolDriverError) {
    guard server.isWellFormed else {
      throw PoolDriverError(.refused, "\"\(server)\" is not a server's name: 1 to 64 of a-z A-Z 0-9 . _ -")
    }
  }
}
