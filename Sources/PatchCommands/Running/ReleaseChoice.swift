import Glibc
import PatchRun
import PoolFile
import PoolModel
import ServerControl

/// What a supervised server that has no release gets: the release that the pool's other servers run, else this program.
struct ReleaseChoice {
  let file: PoolFile

  init(_ file: PoolFile) { self.file = file }

  /// Gives the server something to start, when it has nothing. Returns what was installed.
  @discardableResult
  func prepare(_ server: ServerName) throws -> String? {
    let installer = ReleaseInstaller(file.directory(of: server))
    if installer.hasCurrent { return nil }
    var status = stat()
    if lstat(installer.directory.current, &status) == 0 {
      throw CommandFailure(
        .notGood,
        "server \(server): \(installer.directory.current) is there and has no program 'quorate' in it; install a release, or "
          + "remove the link"
      )
    }
    let (program, version) = try release(for: server)
    try installer.install(program, version: version)
    try installer.makeCurrent(version)
    return version
  }

  private func release(for server: ServerName) throws -> (program: String, version: String) {
    for other in file.servers where other.name != server {
      let directory = file.directory(of: other.name)
      if ReleaseInstaller(directory).hasCurrent, let version = Self.target(of: directory.current) {
        return (directory.program, version)
      }
    }
    return (try ReleaseInstaller.runningProgram(), QuorateProgram.version)
  }

  /// The version that a `current` link names: the last part of what it points to.
  static func target(of link: String) -> String? {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = readlink(link, &bytes, bytes.count)
    guard count > 0 else { return nil }
    let text = String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.split(separator: "/").last.map(String.init)
  }
}
