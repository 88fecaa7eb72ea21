import FabricStore
import GRDB
import Glibc

/// Copies a fabric file, consistent and on the disk, while others use it.
struct FabricBackup {
  let source: String
  let target: String
  let overwrite: Bool

  func run() throws -> FabricCheckReport {
    guard try FabricFiles.exists(source) else {
      throw FabricStoreError(.unavailable, "\(source): no such fabric file")
    }
    guard try overwrite || !FabricFiles.exists(target) else {
      throw FabricStoreError(
        .invalidRequest,
        "\(target): is there already; name another file or say --overwrite"
      )
    }
    let unfinished = target + ".unfinished"
    unlink(unfinished)
    do {
      try Self.copy(source, to: unfinished)
      var report = try FabricCheck(path: unfinished).run()
      guard report.isSound else {
        throw SQLiteFailure.corrupt(path: source, detail: report.problems.joined(separator: "; "))
      }
      try Self.sync(unfinished)
      try move(unfinished)
      report.path = target
      return report
    } catch {
      unlink(unfinished)
      throw error
    }
  }

  /// A compact copy of one snapshot. The target is made for its owner alone before SQLite fills it.
  static func copy(_ source: String, to target: String) throws {
    _ = try OpenFile(target, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    var settings = Configuration()
    settings.busyMode = .timeout(5)
    let connection = try DatabaseQueue(path: source, configuration: settings)
    defer { try? connection.close() }
    try connection.writeWithoutTransaction { db in
      guard try FabricSchema.check(db, path: source) > 0 else {
        throw FabricStoreError(.unsuitable, "\(source): is empty, not a fabric")
      }
      try db.execute(sql: "VACUUM INTO ?", arguments: [target])
    }
  }

  /// Brings a file that nobody has open, and its name, onto the disk.
  static func sync(_ path: String) throws {
    do {
      let file = try OpenFile(path, flags: O_RDONLY)
      guard fsync(file.number) == 0 else { throw FileFailure(path: path, number: errno) }
    }
    try syncDirectory(of: path)
  }

  static func syncDirectory(of path: String) throws {
    let directory = FileSystemFitness.directory(of: path)
    let file = try OpenFile(directory, flags: O_RDONLY | O_DIRECTORY)
    guard fsync(file.number) == 0 else { throw FileFailure(path: directory, number: errno) }
  }

  /// Gives the copy its name; a file that came meanwhile is not replaced unasked.
  private func move(_ unfinished: String) throws {
    if overwrite {
      guard rename(unfinished, target) == 0 else { throw FileFailure(path: target, number: errno) }
    } else {
      guard link(unfinished, target) == 0 else { throw FileFailure(path: target, number: errno) }
      unlink(unfinished)
    }
    try Self.syncDirectory(of: target)
  }
}
