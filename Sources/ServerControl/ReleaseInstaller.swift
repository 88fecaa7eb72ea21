import Glibc
public import PoolFile

/// Puts programs where servers run them from: `releases/<version>/quorate`, and the `current` link.
public struct ReleaseInstaller: Sendable {
  /// The server's directory.
  public var directory: ServerDirectory

  /// An installer for one server.
  public init(_ directory: ServerDirectory) { self.directory = directory }

  /// Whether there is something to start.
  public var hasCurrent: Bool { access(directory.program, X_OK) == 0 }

  /// The program of this process, as an absolute path.
  public static func runningProgram() throws(ServerControlError) -> String {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &bytes, bytes.count)
    guard count > 0, count < bytes.count else { throw .system("cannot read /proc/self/exe") }
    return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Copies `program` to `releases/<version>/quorate`, by a rename, so that it is there whole or not at all. A copy and
  /// not a hard link: one server's release must not change when another's file is written over.
  public func install(_ program: String, version: String) throws(ServerControlError) {
    try directory.make()
    let release = directory.release(version)
    try Files.makeDirectories(release)
    let temporary = "\(release)/.quorate.\(getpid())"
    try Self.copy(program, to: temporary)
    guard rename(temporary, "\(release)/quorate") == 0 else {
      let number = errno
      unlink(temporary)
      throw .system("cannot put \(release)/quorate in place", number)
    }
  }

  /// Points `current` at a release, atomically.
  public func makeCurrent(_ version: String) throws(ServerControlError) {
    let temporary = "\(directory.path)/.current.\(getpid())"
    unlink(temporary)
    guard symlink("releases/\(version)", temporary) == 0 else { throw .system("cannot link \(temporary)") }
    guard rename(temporary, directory.current) == 0 else {
      let number = errno
      unlink(temporary)
      throw .system("cannot link \(directory.current)", number)
    }
  }

  private static func copy(_ source: String, to target: String) throws(ServerControlError) {
    let input = open(source, O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw .system("cannot read \(source)") }
    defer { close(input) }
    let output = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o755)
    guard output >= 0 else { throw .system("cannot write \(target)") }
    defer { close(output) }
    // FICLONE: shares the blocks where the file system can; else they are copied.
    if ioctl(output, 0x4004_9409, input) == 0 { return }
    var status = stat()
    guard fstat(input, &status) == 0 else { throw .system("cannot read \(source)") }
    var rest = Int(status.st_size)
    while rest > 0 {
      let count = sendfile(output, input, nil, min(rest, 1 << 24))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let number = errno
        unlink(target)
        throw .system("cannot copy \(source) to \(target)", number)
      }
      rest -= count
    }
  }
}
