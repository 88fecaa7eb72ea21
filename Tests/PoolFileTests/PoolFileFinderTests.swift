import Foundation
import PoolFile
import PoolModel
import Testing

/// A command line's pool is found by path, directory or name.
@Suite struct PoolFileFinderTests {
  private let directory: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("pool-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url.appendingPathComponent("here"),
      withIntermediateDirectories: true
    )
    try FileManager.default.createDirectory(
      at: url.appendingPathComponent("pools"),
      withIntermediateDirectories: true
    )
    directory = url.path
  }

  private func finder(environment: String? = nil) -> PoolFileFinder {
    PoolFileFinder(
      workingDirectory: "\(directory)/here",
      environmentFile: environment,
      directories: ["\(directory)/pools"]
    )
  }

  private func write(_ name: String, at path: String) throws {
    let text = PoolFile.example.replacingOccurrences(of: "pool: demo ", with: "pool: \(name) ")
    try text.write(toFile: "\(directory)/\(path)", atomically: true, encoding: .utf8)
  }

  @Test func aPoolIsFoundEachWay() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try write("one", at: "here/pool.yaml")
    try write("two", at: "pools/two.yaml")
    try write("three", at: "three.yaml")
    let finder = finder(environment: "\(directory)/three.yaml")
    #expect(try finder.find(nil).pool.rawValue == "one")
    #expect(try finder.find("pool.yaml").pool.rawValue == "one")
    #expect(try finder.find(".").pool.rawValue == "one")
    #expect(try finder.find("\(directory)/here").pool.rawValue == "one")
    #expect(try finder.find("one").pool.rawValue == "one")
    #expect(try finder.find("one.example.com").pool.rawValue == "one")
    #expect(try finder.find("two").pool.rawValue == "two")
    #expect(try finder.find("three").pool.rawValue == "three")
    let error = #expect(throws: PoolFileError.self) { try finder.find("four") }
    #expect(error?.code == .notFound)
  }

  @Test func withoutAPoolFileHereTheEnvironmentNamesIt() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try write("three", at: "three.yaml")
    #expect(try finder(environment: "../three.yaml").find(nil).pool.rawValue == "three")
    #expect(#expect(throws: PoolFileError.self) { try finder().find(nil) }?.code == .notFound)
  }

  @Test func anExampleIsNeverWrittenOverAFile() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = "\(directory)/new.yaml"
    try PoolFile.writeExample(to: path)
    #expect(try PoolFile.load(path).servers.count == 3)
    #expect(#expect(throws: PoolFileError.self) { try PoolFile.writeExample(to: path) }?.code == .exists)
  }
}
