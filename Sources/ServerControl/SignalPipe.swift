import Glibc
import Synchronization

/// Turns signals into bytes of a pipe, so that a loop can wait for them with `poll`.
public enum SignalPipe {
  /// The write end, which the handler uses; -1 before `open`.
  private static let writeEnd = Atomic<Int32>(-1)

  /// Takes `signals` over for the whole process. Returns the read end: one byte, the signal's number, for each.
  public static func open(_ signals: [Int32]) throws(ServerControlError) -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .system("cannot make a pipe") }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    writeEnd.store(ends[1], ordering: .sequentiallyConsistent)
    for number in signals {
      // Only what is safe in a signal handler: an atomic load, write(2), and errno put back.
      _ = signal(number) { number in
        let saved = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(SignalPipe.writeEnd.load(ordering: .relaxed), &byte, 1)
        errno = saved
      }
    }
    return ends[0]
  }

  /// How many signals have come since the last call; does not wait.
  public static func received(_ readEnd: Int32) -> Int { wait(readEnd, milliseconds: 0).count }

  /// Waits until a signal is there or `milliseconds` have passed (-1: for ever). Returns the signals, oldest first.
  static func wait(_ readEnd: Int32, milliseconds: Int32) -> [Int32] {
    var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, milliseconds) > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = read(readEnd, &bytes, bytes.count)
    return bytes.prefix(max(0, count)).map { Int32($0) }
  }
}
