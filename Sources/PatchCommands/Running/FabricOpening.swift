import FabricStore
import FabricStoreEtcd
import FabricStoreSQLite
import Glibc
import Logging
import PatchRun
import PoolFile
import PoolModel

/// Opens the fabric that a pool file names.
enum FabricOpening {
  /// - Parameter create: whether a store that is not there is made; only a server's own start does that.
  static func open(_ file: PoolFile, create: Bool, near server: ServerName? = nil, logger: Logger)
    async throws
    -> any FabricStore
  {
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
      var configuration = etcd(file, endpoints, prefix)
      configuration.mayCreate = create
      if create, file.etcd.history > .zero { configuration.history = file.etcd.history }
      if let server, let own = file.server(server) {
        let near = endpoints.firstIndex { EtcdConfiguration.host(of: $0) == own.sip.host }
        configuration.preferredEndpoint = near ?? 0
      }
      return try await EtcdFabricStore.open(configuration, logger: logger)
    }
  }

  /// How the pool file says that etcd is spoken to.
  static func etcd(_ file: PoolFile, _ endpoints: [String], _ prefix: String) -> EtcdConfiguration {
    var configuration = EtcdConfiguration(
      endpoints: endpoints,
      prefix: prefix,
      timeout: file.etcd.timeout,
      mayCreate: false,
      maximumOperations: file.etcd.maximumOperations
    )
    if let user = file.etcd.user, let passwordFile = file.etcd.passwordFile {
      configuration.user = .init(name: user, passwordFile: passwordFile)
    }
    configuration.tls.authority = file.etcd.authority
    if let certificate = file.etcd.certificate, let key = file.etcd.key {
      configuration.tls.own = .init(certificate: certificate, key: key)
    }
    return configuration
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
