import Glibc

/// The clocks of this machine that a store in a file needs.
enum MachineClock {
  /// Nanoseconds since the machine started, counting on while it sleeps: what lease deadlines are in.
  static var sinceBoot: Int64 { nanoseconds(CLOCK_BOOTTIME) }

  /// Nanoseconds of a clock that nobody sets, for waiting.
  static var steady: Int64 { nanoseconds(CLOCK_MONOTONIC) }

  /// Milliseconds since 1970: the store's clock, since all its processes are on this machine.
  static var milliseconds: Int64 { nanoseconds(CLOCK_REALTIME) / 1_000_000 }

  /// A number of this start of the machine; deadlines of another one are over.
  static let bootID: String = {
    let text = (try? String(readingSystemFile: "/proc/sys/kernel/random/boot_id")) ?? "unknown"
    return String(text.prefix { !$0.isNewline })
  }()

  /// The moment `duration` nanoseconds from now on the steady clock, in the form that waits take.
  static func steadyDeadline(after duration: Int64) -> timespec {
    let end = steady &+ duration
    return timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
  }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

extension String {
  /// A small file of the kernel's, whose size is not known before it is read.
  init(readingSystemFile path: String, limit: Int = 1 << 20) throws(FileFailure) {
    let descriptor = try OpenFile(path, flags: O_RDONLY)
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    while bytes.count < limit {
      let count = Glibc.read(descriptor.number, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    self = String(decoding: bytes, as: UTF8.self)
  }
}
