import FabricStore
import Foundation
import Logging
import Testing

@testable import FabricStoreSQLite

/// A directory for a test's fabric file, removed with it.
final class TemporaryFabric: Sendable {
  let directory: String
  var path: String { directory + "/fabric.db" }

  init() throws {
    directory = FileManager.default.temporaryDirectory.path + "/quorate-fabric-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func open(_ change: (inout SQLiteFabricConfiguration) -> Void = { _ in }) async throws -> SQLiteFabricStore
  {
    var configuration = SQLiteFabricConfiguration()
    configuration.logger.logLevel = .critical
    change(&configuration)
    return try await SQLiteFabricStore(path: path, configuration: configuration)
  }

  /// Opens it, writes keys `k/0` to `k/<count - 1>`, and closes it.
  func fill(_ count: Int = 10) async throws {
    let store = try await open()
    for index in 0..<count { _ = try await store.put("k/\(index)", "\(index)") }
    await store.close()
  }

  /// Overwrites bytes of the file, as a failing disk does.
  func damage(_ name: String? = nil, at offset: UInt64, with bytes: [UInt8]) throws {
    let handle = try #require(FileHandle(forUpdatingAtPath: name ?? path))
    try handle.seek(toOffset: offset)
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
  }
}

extension FabricStore {
  @discardableResult
  func put(_ key: String, _ text: String) async throws -> Revision {
    try #require(try await commit(FabricTransaction(then: [.put(key, Array(text.utf8))])).revision)
  }

  func text(_ key: String) async throws -> String? {
    try await read(key).map { String(decoding: $0.value, as: UTF8.self) }
  }
}

/// The port's error that a call throws, `nil` when it throws none.
func fabricError(_ body: () async throws -> Void) async throws -> FabricStoreError? {
  do {
    try await body()
    return nil
  } catch let error as FabricStoreError {
    return error
  }
}
