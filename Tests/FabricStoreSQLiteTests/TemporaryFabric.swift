import FabricStore
import FabricStoreSQLite
import Foundation

/// A directory for a test's fabric file, removed with it.
final class TemporaryFabric: Sendable {
  let directory: String
  var path: String { directory + "/fabric.db" }

  init() throws {
    directory = FileManager.default.temporaryDirectory.path + "/quorate-fabric-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func open() async throws -> SQLiteFabricStore {
    try await SQLiteFabricStore(path: path)
  }
}
