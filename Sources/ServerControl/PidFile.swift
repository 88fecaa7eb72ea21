import Glibc

/// A file that holds a process id and is locked (`flock`) for as long as that process lives. Only the lock says whether
/// it lives: a file left behind by a crash is unlocked, so a recycled process id is never signalled.
public struct PidFile: Sendable {
  /// Where it is.
  public let path: String

  /// The pid file at `path`.
  public init(path: String) { self.path = path }

  /// The process that holds the lock; `nil` when none does. 0 when it holds the lock and has not written its id yet.
  public func holder() -> pid_t? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
    guard errno == EWOULDBLOCK else { return nil }
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let digits = bytes.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
    return pid_t(String(decoding: digits, as: UTF8.self)) ?? 0
  }

  /// Takes the lock and keeps it until the value is closed, and beyond it while a child holds the same descriptor.
  /// `nil` when another process has it.
  func lock() throws(ServerControlError) -> HeldPidFile? {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .system("cannot open \(path)") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let number = errno
      close(descriptor)
      if number == EWOULDBLOCK { return nil }
      throw .system("cannot lock \(path)", number)
    }
    return HeldPidFile(descriptor: descriptor)
  }
}

/// A pid file whose lock this process holds.
struct HeldPidFile: ~Copyable {
  let descriptor: Int32

  /// Writes whose lock it is.
  func write(_ process: pid_t) {
    let text = Array("\(process)\n".utf8)
    ftruncate(descriptor, 0)
    _ = pwrite(descriptor, text, text.count, 0)
  }

  deinit { close(descriptor) }
}
