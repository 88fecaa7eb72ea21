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

  /// What the keeper says of a server that keeps ending, while it does: `3: ended with exit code 69`.
  var troubleFile: String { "\(run)/trouble" }

  /// The id of the keeper that was told to stop; see `KeeperScript`.
  var stoppingFile: String { "\(run)/stopping" }

  /// How often a server has ended in a row by itself, and how; `nil` while it runs well.
  public var trouble: ServerTrouble? {
    let text = Files.tail(troubleFile, lines: 1)
    guard let colon = text.firstIndex(of: ":"), let count = Int(text[..<colon]), count > 0 else { return nil }
    let how = text[text.index(after: colon)...].drop { $0 == " " }
    return ServerTrouble(count: count, how: String(how), lastWords: Files.tail(serverLog, lines: 1))
  }

  /// Makes the directory and what is in it; no error where they are there.
  public func make() throws(ServerControlError) {
    for directory in [releases, log, run] { try Files.makeDirectories(directory) }
  }
}

/// Why a supervised server does not come up.
public struct ServerTrouble: Hashable, Sendable, CustomStringConvertible {
  /// How often it has ended in a row.
  public var count: Int
  /// How it ended last.
  public var how: String
  /// The last line of its log.
  public var lastWords: String

  /// One sentence.
  public var description: String { "\(how), \(count) times in a row: \(lastWords)" }
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

  /// Puts a small text in place of a file, whole or not at all.
  static func replace(_ path: String, with text: String) {
    let temporary = "\(path).new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return }
    let bytes = Array(text.utf8)
    let written = write(descriptor, bytes, bytes.count)
    close(descriptor)
    if written == bytes.count { rename(temporary, path) } else { unlink(temporary) }
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
