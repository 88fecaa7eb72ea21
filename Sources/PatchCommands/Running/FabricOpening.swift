import FabricStore
import FabricStoreEtcd
import FabricStoreSQLite
import Glibc
import Logging
import PatchRun
import PoolFile

/// Opens the fabric that a pool file names.
enum FabricOpening {
  /// - Parameter create: whether a store that is not there is made; only a server's own start does that.
  static func open(_ file: PoolFile, create: Bool, logger: Logger) async throws -> any FabricStore {
    switch file.fabric {
    case .sqlite(let path):
      if !create, access(path, F_OK) != 0, errno == ENOENT {
        throw CommandFailure(
          .unreachable,
          "pool \(file.pool) has no fabric at \(path) yet; start it with 'quorate pool start \(file.path)'"
        )
      }
      var configuration = SQLiteFabricConfiguration(logger: logger)
      configuration.mayCreate = create
      return try await SQLiteFabricStore(path: path, configuration: configuration)
    case .etcd(let endpoints, let prefix):
      let configuration = EtcdConfiguration(endpoints: endpoints, prefix: prefix, mayCreate: create)
      return try await EtcdFabricStore.open(configuration, logger: logger)
    }
  }
}

extension FabricOpening {
  /// Opens a fabric that a server which was just started is about to make.
  static func openWhenThere(_ file: PoolFile, logger: Logger, by deadline: ContinuousClock.Instant)
    async throws
    -> any FabricStore
  {
    while true {
      do {
        return try await open(file, create: false, logger: logger)
      } catch {
        let failure = CommandFailure(error)
        guard failure.code == .unreachable, ContinuousClock.now < deadline else { throw failure }
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }
}
