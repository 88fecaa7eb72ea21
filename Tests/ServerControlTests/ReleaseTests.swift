import Foundation
import PoolFile
import ServerControl
import Testing

/// Releases are put in place whole, and `current` is switched at once.
@Suite struct ReleaseTests {
  @Test func releasesAreInstalledAndSwitched() throws {
    let root = NSTemporaryDirectory() + "release-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    let directory = ServerDirectory(path: root)
    let installer = ReleaseInstaller(directory)
    #expect(!installer.hasCurrent)
    try installer.install("/bin/true", version: "1.0.0")
    #expect(!installer.hasCurrent)
    try installer.makeCurrent("1.0.0")
    #expect(installer.hasCurrent)
    try installer.install("/bin/false", version: "1.1.0")
    try installer.makeCurrent("1.1.0")
    let target = try FileManager.default.destinationOfSymbolicLink(atPath: directory.current)
    #expect(target == "releases/1.1.0")
    #expect(FileManager.default.contentsEqual(atPath: directory.program, andPath: "/bin/false"))
    #expect(
      FileManager.default.contentsEqual(atPath: "\(directory.release("1.0.0"))/quorate", andPath: "/bin/true")
    )
    let left = try FileManager.default.contentsOfDirectory(atPath: directory.release("1.1.0"))
    #expect(left == ["quorate"])
  }

  @Test func aProgramThatIsNotThereIsAnError() {
    let root = NSTemporaryDirectory() + "release-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    #expect(throws: ServerControlError.self) {
      try ReleaseInstaller(ServerDirectory(path: root)).install("/no/such/program", version: "1")
    }
  }
}
