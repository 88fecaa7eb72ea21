import Glibc
public import PoolFile

extension ServerDirectory {
  /// Locked while a keeper of this server lives.
  public var keeperPid: PidFile { PidFile(path: "\(run)/keeper.pid") }
  /// Locked while the server's own process lives, also when its keeper is gone.
  public var serverPid: PidFile { PidFile(path: "\(run)/server.pid") }
  /// What the keeper says.
  public var keeperLog: String { "\(log)/keeper.log" }
  /// What the server says.
  public var serverLog: String { "\(log)/server.log" }

  /// Makes the directory and what is in it; no error where they are there.
  public func make() throws(ServerControlError) {
    for directory in [releases, log, run] { try Files.makeDirectories(directory) }
  }
}

/// The few file operations that supervision needs.
enum Files {
  static func makeDirectories(_ path: String) throws(ServerControlError) {
    var made = ""
    for part in path.split(separator: "/") {
      made += "/\(part)"
      if mkdir(made, 0o755) != 0, errno != EEXIST { throw .system("cannot make the directory \(made)") }
    }
  }

  /// Renames a log that has grown beyond 64 MiB to `.1`, over the one before.
  static func rotate(_ log: String) {
    var status = stat()
    if stat(log, &status) == 0, status.st_size > 64 << 20 { rename(log, "\(log).1") }
  }

  /// The last `count` lines of a log, at most 4 KiB, for an error's message.
  static func tail(_ path: String, lines count: Int) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    let size = lseek(descriptor, 0, SEEK_END)
    var bytes = [UInt8](repeating: 0, count: 4096)
    let read = pread(descriptor, &bytes, bytes.count, max(0, size - 4096))
    let text = String(decoding: bytes.prefix(max(0, read)), as: UTF8.self)
    return text.split(separator: "\n").suffix(count).joined(separator: "\n")
  }
}
