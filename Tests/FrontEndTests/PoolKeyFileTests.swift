import Foundation
import Testing

@testable import FrontEnd

@Suite("The pool key file")
struct PoolKeyFileTests {
  private func file(_ text: String, mode: Int = 0o600) throws -> String {
    let path = NSTemporaryDirectory() + "quorate-key-\(UUID().uuidString)"
    try Data(text.utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    return path
  }

  @Test("holds keys in order")
  func keys() throws {
    let one = String(repeating: "0a", count: 16)
    let two = String(repeating: "Ff", count: 20)
    let path = try file("# the pool's\n\(one)\n\n  \(two)  \n")
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(
      try PoolKeyFile.read(path) == [Array(repeating: 0x0a, count: 16), Array(repeating: 0xff, count: 20)]
    )
  }

  @Test("that others may read is refused, and the key is not shown")
  func open() throws {
    let key = String(repeating: "0b", count: 16)
    let path = try file(key, mode: 0o640)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let error = #expect(throws: FrontEndError.self) { try PoolKeyFile.read(path) }
    #expect(error?.message.contains("chmod 600") == true)
    #expect(error?.message.contains(key) == false)
  }

  @Test(
    "with a bad line says which",
    arguments: ["xyz", "0a", String(repeating: "a", count: 33), "# only\n"]
  )
  func bad(text: String) {
    let error = #expect(throws: FrontEndError.self) { try PoolKeyFile.parse(text, "k") }
    #expect(error?.message.hasPrefix("pool key file k: ") == true)
  }

  @Test("that is not there is one clear error")
  func missing() {
    let error = #expect(throws: FrontEndError.self) { try PoolKeyFile.read("/nonexistent/key") }
    #expect(error?.message.hasPrefix("pool key file /nonexistent/key: it cannot be read") == true)
  }
}
