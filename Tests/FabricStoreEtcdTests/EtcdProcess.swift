import Foundation

/// A real etcd of one member, on ports and in a directory of its own.
final class EtcdProcess {
  let endpoint: String
  private let process = Process()
  private let directory: URL

  /// Where Debian's etcd-server puts it; `nil` where it is not installed.
  static let program: String? = ["/usr/bin/etcd", "/usr/local/bin/etcd"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// Whether it still runs: one that found its port taken does not.
  var isRunning: Bool { process.isRunning }

  init(program: String) throws {
    let port = Int.random(in: 24_400..<24_900) & ~1
    directory = FileManager.default.temporaryDirectory.appending(path: "quorate-etcd-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    endpoint = "http://127.0.0.1:\(port)"
    let peer = "http://127.0.0.1:\(port + 1)"
    process.executableURL = URL(filePath: program)
    process.arguments = [
      "--data-dir", directory.path, "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
      "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
      "default=\(peer)",
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  func stop() {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: directory)
  }
}
