import FabricRecords
import FabricStore
import FabricStoreEtcd
import FabricStoreSQLite
import Glibc
import Logging
import PatchRun
import PoolFile
import ServerControl

/// A pool's fabric as a whole: backups, restores, copies to another store. A backup of etcd is a fabric file, so that it
/// can be checked like one, and be put into either kind of store.
struct FabricArchive {
  private let file: PoolFile
  private let logger = PoolConnection.logger(verbose: false)

  init(_ file: PoolFile) { self.file = file }

  /// What a look at a fabric on etcd found.
  struct EtcdReport: Encodable {
    var store: String
    var revision: UInt64
    var members: Int
    var problems: [String]
    var alarms: [String]

    var text: String {
      var head = "\(store): revision \(revision), \(members) members\n"
      head += alarms.map { "alarm: \($0)\n" }.joined()
      return problems.isEmpty ? head + "It is sound.\n" : head + problems.map { "damaged: \($0)\n" }.joined()
    }
  }

  /// Throws while a server of the pool runs.
  func checkStopped() async throws {
    let control = try PoolServerControl(file)
    for server in file.servers where try await control.isRunning(server.name) {
      throw CommandFailure(
        .refused,
        "server \(server.name) runs; stop the pool first: quorate pool stop \(file.path)"
      )
    }
    guard case .etcd = file.fabric else { return }
    do {
      let store = try await FabricOpening.open(file, create: false, logger: logger)
      let live = try await closing(store) { () async throws(FabricStoreError) in
        try await FabricTransfer.liveServers(in: store)
      }
      guard let server = live.first else { return }
      throw CommandFailure(
        .refused,
        "server \(server) lives in \(file.fabric); stop it, or wait its lease out"
      )
    } catch let error as FabricStoreError where error.code == .unavailable || error.code == .corrupt {
      // Nothing there yet, or something half there: nobody can live in it.
      return
    }
  }

  /// Compares etcd's members and looks for contradictions in the records.
  func check() async throws -> EtcdReport {
    try await withEtcd { store in
      let status = try await store.status()
      var problems = try await store.differences()
      problems += try await FabricTransfer.problems(in: store)
      return EtcdReport(
        store: status.name,
        revision: status.revision,
        members: status.members.count,
        problems: problems,
        alarms: status.alarms
      )
    }
  }

  /// Copies the fabric into a file.
  func backUp(to path: String, overwrite: Bool) async throws -> FabricCheckReport {
    if case .sqlite(let source) = file.fabric {
      return try await FabricFile.backup(from: source, to: path, overwrite: overwrite)
    }
    guard overwrite || access(path, F_OK) != 0 else {
      throw FabricStoreError(
        .invalidRequest,
        "\(path): is there already; name another file or say --overwrite"
      )
    }
    return try await withSource { source in try await write(source, to: path, overwrite: overwrite).check }
  }

  /// Puts a backup in the place of the fabric on etcd.
  func bringIn(_ backup: String) async throws -> FabricTransfer.Report {
    let found = try await FabricFile.check(backup)
    guard found.isSound else {
      throw CommandFailure(.badFile, "\(backup) is damaged itself: \(found.problems.joined(separator: "; "))")
    }
    // A copy of its own: to open a file leaves others beside it.
    let copy = backup + ".restoring"
    _ = try await FabricFile.backup(from: backup, to: copy, overwrite: true)
    defer { Self.remove(copy) }
    let source = try await SQLiteFabricStore(path: copy)
    let report = try await closing(source) { () async throws in
      try await fill(file.fabric, from: source, isReplacing: true)
    }
    // The operator has said which fabric it is. Servers of other machines have to be told there.
    for server in file.servers { FabricMemory(file, server.name).forget() }
    return report
  }

  /// Copies the fabric to another store.
  func copy(to target: PoolFile.Fabric) async throws -> FabricTransfer.Report {
    try await withSource { source in try await fill(target, from: source, isReplacing: false) }
  }

  private func fill(_ target: PoolFile.Fabric, from source: any FabricStore, isReplacing: Bool) async throws
    -> FabricTransfer.Report
  {
    switch target {
    case .sqlite(let path): return try await write(source, to: path, overwrite: false).report
    case .etcd(let endpoints, let prefix):
      var report: FabricTransfer.Report?
      try await EtcdContents.fill(
        FabricOpening.etcd(file, endpoints, prefix),
        isReplacing: isReplacing,
        logger: logger
      ) { store throws(FabricStoreError) in
        let made = try await FabricTransfer.copy(from: source, to: store)
        report = made
        return made.generation
      }
      guard let report else { throw CommandFailure(.notGood, "nothing was copied") }
      return report
    }
  }

  private func write(_ source: any FabricStore, to path: String, overwrite: Bool) async throws
    -> (check: FabricCheckReport, report: FabricTransfer.Report)
  {
    let filling = path + ".filling"
    Self.remove(filling)
    defer { Self.remove(filling) }
    let target = try await SQLiteFabricStore(path: filling)
    let report = try await closing(target) { () async throws(FabricStoreError) in
      try await FabricTransfer.copy(from: source, to: target)
    }
    try await FabricFile.raiseGenerations(filling, above: report.generation)
    return (try await FabricFile.backup(from: filling, to: path, overwrite: overwrite), report)
  }

  /// Opens the fabric as etcd's and closes it after.
  func withEtcd<Result: Sendable>(_ body: (EtcdFabricStore) async throws -> Result) async throws -> Result {
    guard case .etcd(let endpoints, let prefix) = file.fabric else {
      throw CommandFailure(.usage, "\(file.path): its fabric is \(file.fabric), not on etcd")
    }
    let configuration = FabricOpening.etcd(file, endpoints, prefix)
    let store = try await EtcdFabricStore.open(configuration, logger: logger)
    return try await closing(store) { try await body(store) }
  }

  private func withSource<Result>(_ body: (any FabricStore) async throws -> Result) async throws -> Result {
    let store = try await FabricOpening.open(file, create: false, logger: logger)
    return try await closing(store) { try await body(store) }
  }

  private func closing<Result>(_ store: any FabricStore, _ body: () async throws -> Result) async throws
    -> Result
  {
    do {
      let result = try await body()
      await store.close()
      return result
    } catch {
      await store.close()
      throw error
    }
  }

  /// A fabric file and what SQLite and the writers' queue leave beside it.
  private static func remove(_ path: String) {
    for suffix in ["", "-wal", "-shm", ".turns"] { unlink(path + suffix) }
  }
}
