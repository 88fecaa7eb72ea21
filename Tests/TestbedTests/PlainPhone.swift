import Foundation
import Glibc
import PoolDemo

/// One UDP socket on the test bed's network that asks one server one thing at a time: unlike `PoolClient` it does not go on to
/// another server, and shows the answer as it came.
final class PlainPhone {
  private let socket: Int32
  let port: UInt16
  private var number = 0

  init() throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var own = Self.address(Testbed.address, 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let socket = socket
    let isBound = withUnsafeMutablePointer(to: &own) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(socket, address, size) == 0 && getsockname(socket, address, &size) == 0
      }
    }
    port = UInt16(bigEndian: own.sin_port)
    guard isBound else { throw DemoError("cannot bind a UDP socket at \(Testbed.address)") }
    var patience = timeval(tv_sec: 3, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(socket) }

  private static func address(_ host: String, _ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, host, &address.sin_addr)
    return address
  }

  /// Registers this socket as `user`'s through the server of that number; what it answers.
  func register(_ user: String, through server: Int) throws -> String {
    try ask(
      "REGISTER",
      "sip:\(Testbed.domain)",
      of: user,
      through: server,
      more: ["Contact: <sip:\(user)@\(Testbed.address):\(port)>"]
    )
  }

  /// Sends `user` a message: what comes first, the server's final answer or, where `user` is at this socket, the message itself.
  func message(_ user: String, through server: Int) throws -> String {
    try ask(
      "MESSAGE",
      "sip:\(user)@\(Testbed.domain)",
      of: user,
      through: server,
      more: ["Content-Type: text/plain"]
    )
  }

  private func ask(_ method: String, _ uri: String, of user: String, through server: Int, more: [String])
    throws -> String
  {
    number += 1
    let name = "<sip:\(user)@\(Testbed.domain)>"
    let call = "\(number)-\(port)-\(getpid())"
    let lines =
      [
        "\(method) \(uri) SIP/2.0", "Via: SIP/2.0/UDP \(Testbed.address):\(port);branch=z9hG4bK\(call)",
        "Max-Forwards: 70",
        "From: \(name);tag=\(number)", "To: \(name)", "Call-ID: \(call)", "CSeq: \(number) \(method)",
      ] + more + ["Content-Length: 0", "", ""]
    let bytes = Array(lines.joined(separator: "\r\n").utf8)
    var target = Self.address("10.77.0.\(server)", 5060)
    let socket = socket
    _ = withUnsafePointer(to: &target) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(socket, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(socket, &buffer, buffer.count, 0)
      guard count > 0 else { return "" }
      let text = String(decoding: buffer.prefix(count), as: UTF8.self)
      // What is of an earlier call came late.
      if text.contains("Call-ID: \(call)\r\n"), !text.hasPrefix("SIP/2.0 1") { return text }
    }
  }
}
