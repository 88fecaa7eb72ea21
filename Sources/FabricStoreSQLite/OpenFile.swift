import Glibc

/// A failed call on a file.
struct FileFailure: Error {
  var path: String
  var number: Int32

  /// What the system says of it.
  var reason: String { String(cString: strerror(number)) }
}

/// An open file, closed when it goes. Children do not inherit it: a lock held by a child would outlive its process.
struct OpenFile: ~Copyable, Sendable {
  let number: Int32
  let path: String

  init(_ path: String, flags: Int32, mode: mode_t = 0o600) throws(FileFailure) {
    let number = Glibc.open(path, flags | O_CLOEXEC, mode)
    guard number >= 0 else { throw FileFailure(path: path, number: errno) }
    self.number = number
    self.path = path
  }

  deinit { Glibc.close(number) }

  // Locks of an open file description (`F_OFD_*`, fcntl(2)), which Glibc's module does not show: they belong to this open
  // file and not to the process, and the kernel takes them back when the process ends, however it ends.
  private static let getLock: Int32 = 36
  private static let setLock: Int32 = 37

  /// Takes the lock on one byte if nobody else has it.
  func tryLock(byte: Int64) -> Bool { change(byte, to: F_WRLCK, command: Self.setLock) != nil }

  /// Gives a byte back.
  func unlock(byte: Int64) { _ = change(byte, to: F_UNLCK, command: Self.setLock) }

  /// Whether another open file has the lock on a byte.
  func isLockedElsewhere(byte: Int64) -> Bool {
    guard let answer = change(byte, to: F_WRLCK, command: Self.getLock) else { return true }
    return answer.l_type != Int16(F_UNLCK)
  }

  private func change(_ byte: Int64, to type: Int32, command: Int32) -> flock? {
    var lock = flock()
    lock.l_type = Int16(type)
    lock.l_whence = Int16(SEEK_SET)
    lock.l_start = off_t(byte)
    lock.l_len = 1
    while fcntl(number, command, &lock) != 0 {
      guard errno == EINTR else { return nil }
    }
    return lock
  }
}
