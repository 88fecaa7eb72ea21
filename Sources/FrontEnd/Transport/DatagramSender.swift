import Glibc
import NIOCore
import PoolModel

/// Sends the datagrams of one UDP socket, each with a system call of its own.
///
/// NIO closes a UDP socket when sending one datagram fails for another reason than its size: for a port 0, an address
/// that no route leads to, a broadcast address, a firewall's no. Where a datagram goes is what a Via or a Contact says, so
/// anybody could end the service of all others with one message. Here such a datagram is lost, and nothing else.
final class DatagramSender {
  /// Datagrams that wait for room in the socket's buffer.
  private static let mostWaiting = 4_096
  private static let retryAfter = TimeAmount.milliseconds(1)

  private let eventLoop: any EventLoop
  /// A duplicate of the socket's: it stays ours until we close it, whatever NIO does with its own.
  private var descriptor: CInt
  private var waiting: [(bytes: [UInt8], remote: SocketAddress)] = []
  private var isScheduled = false
  /// What the system had counted as lost when `memory()` was last asked for.
  private var lostBefore: UInt32 = 0

  /// Sends on the socket of a channel; `nil` when that has none.
  init?(_ channel: any Channel) {
    let made = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable { (socket: CInt) in
      fcntl(socket, F_DUPFD_CLOEXEC, 0)
    }
    guard let made, made >= 0 else { return nil }
    descriptor = made
    eventLoop = channel.eventLoop
  }

  deinit { close() }

  /// Sends a datagram, or keeps it for a moment while the socket has no room.
  /// - Returns: false when it cannot be sent: the system said no, or too many wait.
  func send(_ bytes: [UInt8], to remote: SocketAddress) -> Bool {
    guard waiting.isEmpty else { return wait(bytes, remote) }
    switch attempt(bytes, remote) {
    case 0: return true
    case EAGAIN, ENOBUFS: return wait(bytes, remote)
    default: return false
    }
  }

  /// How the socket's memory is used.
  struct Memory {
    /// The part of the receive buffer that is used: 0 to 1, or a little more.
    var fill: Double
    /// Datagrams that it had no room for since this was last asked.
    var lost: Int
  }

  /// How the socket's memory is used; `nil` when the system does not say.
  func memory() -> Memory? {
    // SO_MEMINFO of <linux/sock_diag.h>: what is used of the receive buffer, its size, six others, what was dropped.
    var numbers = [UInt32](repeating: 0, count: 9)
    var size = socklen_t(numbers.count * MemoryLayout<UInt32>.stride)
    guard descriptor >= 0, getsockopt(descriptor, SOL_SOCKET, 55, &numbers, &size) == 0, numbers[1] > 0 else {
      return nil
    }
    // The system's count begins anew behind 2^32 - 1.
    defer { lostBefore = numbers[8] }
    return Memory(fill: Double(numbers[0]) / Double(numbers[1]), lost: Int(numbers[8] &- lostBefore))
  }

  /// Ends it.
  func close() {
    guard descriptor >= 0 else { return }
    _ = Glibc.close(descriptor)
    descriptor = -1
    waiting = []
  }

  /// - Returns: 0, or the error number.
  private func attempt(_ bytes: [UInt8], _ remote: SocketAddress) -> CInt {
    guard descriptor >= 0 else { return EBADF }
    return remote.withSockAddr { address, size in
      bytes.withUnsafeBytes { buffer in
        while true {
          let sent = sendto(
            descriptor,
            buffer.baseAddress,
            buffer.count,
            CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL),
            address,
            socklen_t(size)
          )
          if sent >= 0 { return 0 }
          if errno != EINTR { return errno }
        }
      }
    }
  }

  private func wait(_ bytes: [UInt8], _ remote: SocketAddress) -> Bool {
    guard waiting.count < Self.mostWaiting else { return false }
    waiting.append((bytes, remote))
    schedule()
    return true
  }

  private func schedule() {
    guard !isScheduled else { return }
    isScheduled = true
    eventLoop.assumeIsolated().scheduleTask(in: Self.retryAfter) { [weak self] in
      self?.isScheduled = false
      self?.sendWaiting()
    }
  }

  private func sendWaiting() {
    var sent = 0
    while sent < waiting.count {
      let error = attempt(waiting[sent].bytes, waiting[sent].remote)
      if error == EAGAIN || error == ENOBUFS { break }
      sent += 1
    }
    waiting.removeFirst(sent)
    if !waiting.isEmpty { schedule() }
  }
}
