import FabricStore
import FrontEndPoolDriver
import Glibc
import Logging
import PatchEngine
import PatchRun
import PoolDriving
import PoolFile
import PoolModel
import ServerControl

/// Everything a command needs to act on a pool, put together in one place: the pool file, its fabric, who starts and stops
/// its servers, the driver and the engine.
struct PoolConnection: Sendable {
  /// The pool as described.
  let file: PoolFile
  /// Its fabric.
  let store: any FabricStore
  /// Who starts and stops its servers.
  let control: any ServerControlling
  /// Acts on the pool.
  let driver: FrontEndPoolDriver
  /// Runs what is journaled.
  let engine: PatchEngine

  /// Finds and reads the pool file that a command line means.
  static func file(_ pool: String?) throws(PoolFileError) -> PoolFile {
    try PoolFileFinder.ofThisProcess().find(pool)
  }

  /// Opens a pool, gives it to `body`, and closes it, whatever comes.
  static func with<Result: Sendable>(
    _ pool: String?,
    verbose: Bool = false,
    _ body: (PoolConnection) async throws -> Result
  ) async throws -> Result {
    let file = try file(pool)
    let logger = Self.logger(verbose: verbose)
    let store = try await FabricOpening.open(file, create: false, logger: logger)
    let connection: PoolConnection
    do {
      connection = try PoolConnection(file: file, store: store, logger: logger)
    } catch {
      await store.close()
      throw error
    }
    do {
      let result = try await body(connection)
      await store.close()
      return result
    } catch {
      await store.close()
      throw error
    }
  }

  init(file: PoolFile, store: any FabricStore, logger: Logger) throws(ServerControlError) {
    self.file = file
    self.store = store
    control = try PoolServerControl(file)
    driver = FrontEndPoolDriver(
      pool: file.pool,
      store: store,
      control: control,
      serversNeeded: file.serversNeeded,
      logger: logger,
      prove: ServerProof.prove(domain: file.domain, store: store)
    )
    engine = PatchEngine(
      driver: driver,
      store: store,
      step: file.patchStep,
      operator: Operator.name,
      poolArgument: file.path,
      serverLease: file.leaseTTL,
      prober: UserProber.make(file, store),
      seedServer: SeedPlacement(file).server,
      logger: logger
    )
  }

  /// The server that a word of the command line means.
  func server(_ name: String) throws(CommandFailure) -> ServerName { try file.known(name) }

  /// The users of the pool that answer challenges.
  func users(md5Only: Bool = false) -> UserDirectory {
    UserDirectory(store: store, domain: file.domain, md5Only: md5Only)
  }

  static func logger(verbose: Bool) -> Logger {
    var logger = Logger(label: "quorate") { _ in StreamLogHandler.standardError(label: "quorate") }
    logger.logLevel = verbose ? .debug : .error
    return logger
  }
}

extension PoolFile {
  /// The server that a word of the command line means, also as a fully qualified name.
  func known(_ name: String) throws(CommandFailure) -> ServerName {
    if let server = serverAnswering(to: name) { return server.name }
    let names = servers.map(\.name.rawValue).joined(separator: ", ")
    throw CommandFailure(.usage, "pool \(pool) has no server '\(name)'; it has \(names) (\(path))")
  }
}

/// Who gives the command, for the journal and out-marks.
enum Operator {
  /// `user@host`; behind sudo, the user who called it.
  static var name: String {
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    let hostName = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "\(user)@\(hostName.isEmpty ? "localhost" : hostName)"
  }

  private static var user: String {
    if let name = getenv("SUDO_USER").map({ String(cString: $0) }), !name.isEmpty { return name }
    if let entry = getpwuid(getuid()), let name = entry.pointee.pw_name { return String(cString: name) }
    return "\(getuid())"
  }
}
