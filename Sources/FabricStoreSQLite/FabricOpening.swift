import FabricStore
import GRDB
import Glibc

/// The files beside a fabric file.
enum FabricFiles {
  static func turns(_ path: String) -> String { path + ".turns" }
  static func writeAheadLog(_ path: String) -> String { path + "-wal" }
  static func restoring(_ path: String) -> String { path + ".restoring" }
  static func sharedMemory(_ path: String) -> String { path + "-shm" }

  /// Whether there is a regular file. Never opens it: closing any descriptor of a file drops all locks that SQLite has on it
  /// in this process (POSIX, fcntl(2)).
  static func exists(_ path: String) throws(FabricStoreError) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else {
      guard errno == ENOENT else {
        throw SQLiteFailure.error(FileFailure(path: path, number: errno), path: path)
      }
      return false
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FabricStoreError(.unsuitable, "\(path): is not a regular file")
    }
    return true
  }

  static func size(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
  }
}

/// The lock that is held while a store is opened, and while a backup is brought back: nobody opens a file meanwhile.
struct OpeningLock: ~Copyable {
  let table: TurnTable

  /// Waits for the lock, at most five seconds.
  init(table: TurnTable, path: String) throws(FabricStoreError) {
    let end = MachineClock.steady &+ 5_000_000_000
    while !table.file.tryLock(byte: TurnTable.openingByte) {
      guard MachineClock.steady < end else {
        throw FabricStoreError(.unavailable, "\(path): is being opened or restored by another process")
      }
      usleep(2_000)
    }
    self.table = table
  }

  deinit { table.file.unlock(byte: TurnTable.openingByte) }

  /// Does something to a fabric file that no process may have open, and keeps it from being opened meanwhile.
  static func whileUnused<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    let table = try TurnTable(path: FabricFiles.turns(path))
    let lock = try OpeningLock(table: table, path: path)
    let users = table.liveSlots().count
    guard users == 0 else {
      throw FabricStoreError(
        .unavailable,
        "\(path): \(users) processes have this fabric open; stop the pool first (`quorate pool stop`)"
      )
    }
    let result = try body()
    _ = consume lock
    return result
  }
}

/// A fabric file that was opened: what the engine starts with.
struct OpenedFabric {
  var turn: WriterTurn
  var connections: FabricConnections
  var identity: String
  var revision: Revision
  /// Whether changes may lie in packs: not in a file that an older release made.
  var hasPacks: Bool

  /// Opens a fabric file, making or migrating it as needed. Blocks.
  static func open(path: String, configuration: SQLiteFabricConfiguration) throws(FabricStoreError) -> Self {
    try FileSystemFitness.check(path: path)
    do {
      let table = try TurnTable(path: FabricFiles.turns(path))
      let lock = try OpeningLock(table: table, path: path)
      try prepareFile(path: path, mayCreate: configuration.mayCreate)
      guard let turn = try claim(table, path: path) else {
        throw FabricStoreError(
          .unavailable,
          "\(path): \(TurnTable.slotCount) processes have it open already"
        )
      }
      do {
        let opened = try connect(path: path, turn: turn, configuration: configuration)
        _ = consume lock
        return opened
      } catch {
        turn.close()
        throw error
      }
    } catch {
      throw SQLiteFailure.error(error, path: path)
    }
  }

  private static func claim(_ table: TurnTable, path: String) throws -> WriterTurn? {
    do throws(TurnTableMismatch) {
      return try WriterTurn(table: table)
    } catch {
      throw FabricStoreError(
        .newerFormat,
        "\(path): is open in a process of another release that takes turns in another way; stop that one first"
      )
    }
  }

  /// Makes an empty file for its owner alone; SQLite gives its side files the same mode.
  private static func prepareFile(path: String, mayCreate: Bool) throws {
    guard try !FabricFiles.exists(FabricFiles.restoring(path)) else {
      throw FabricStoreError(
        .unavailable,
        "\(path): a restore was interrupted (\(FabricFiles.restoring(path)) is there); "
          + "run `quorate fabric restore` again"
      )
    }
    if try FabricFiles.exists(path) {
      guard access(path, R_OK | W_OK) == 0 else { throw FileFailure(path: path, number: errno) }
      return
    }
    guard mayCreate else {
      throw FabricStoreError(.unavailable, "\(path): no such fabric file")
    }
    _ = try OpenFile(path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
  }

  private static func connect(
    path: String,
    turn: WriterTurn,
    configuration: SQLiteFabricConfiguration
  ) throws -> Self {
    let connections = try FabricConnections(path: path, configuration: configuration)
    return try connections.pool.writeWithoutTransaction { db in
      let schema = try FabricSchema.prepare(db, path: path, newIdentity: FabricSchema.makeIdentity())
      guard let identity = try String.fetchOne(db, sql: "SELECT identity FROM store") else {
        throw SQLiteFailure.corrupt(path: path, detail: "table store is empty")
      }
      let row = try StoreRow(db, path: path)
      return Self(
        turn: turn,
        connections: connections,
        identity: identity,
        revision: row.revision,
        hasPacks: schema >= FabricSchema.packVersion
      )
    }
  }
}
