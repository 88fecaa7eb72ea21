import Foundation
import Testing

/// A UDP socket at a chosen address of the loopback network, as plain as can be.
final class UDPPhone {
  private let descriptor: Int32
  /// The address that it sends from.
  let host: String
  /// The port that it sends from.
  let port: Int
  private let server: sockaddr_in

  /// - Parameters:
  ///   - host: such as 127.0.0.77: each has all ports to itself.
  ///   - port: 5060 to get the answers to a Via without a port.
  init(_ host: String, port: Int = 5060, to remote: Int) throws {
    self.host = host
    self.port = port
    server = Self.address("127.0.0.1", remote)
    descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var own = Self.address(host, port)
    let bound = withUnsafePointer(to: &own) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(bound == 0, "cannot bind \(host):\(port)")
  }

  deinit { close(descriptor) }

  private static func address(_ host: String, _ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(clamping: port)).bigEndian
    inet_pton(AF_INET, host, &address.sin_addr)
    return address
  }

  func send(_ bytes: [UInt8]) {
    var remote = server
    _ = withUnsafePointer(to: &remote) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// The next datagram as text; `nil` when none comes in time.
  func receive(within time: Duration = .seconds(4)) async -> String? {
    await receiveBytes(within: time).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The next datagram; `nil` when none comes in time.
  func receiveBytes(within time: Duration = .seconds(4)) async -> [UInt8]? {
    let end = ContinuousClock.now + time
    repeat {
      var bytes = [UInt8](repeating: 0, count: 65_536)
      let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      if count >= 0 { return Array(bytes[..<count]) }
      try? await Task.sleep(for: .milliseconds(5))
    } while ContinuousClock.now < end
    return nil
  }

  /// The next final response.
  func final(within time: Duration = .seconds(4)) async -> String? {
    while let answer = await receive(within: time) {
      if !answer.hasPrefix("SIP/2.0 1") { return answer }
    }
    return nil
  }

  /// Sends a request with the usual header fields and gives its final response.
  func ask(
    _ method: String,
    _ uri: String,
    _ user: String,
    _ cseq: Int,
    _ more: [String] = [],
    within time: Duration = .seconds(4)
  ) async -> String? {
    let lines =
      [
        "\(method) \(uri) SIP/2.0",
        "Via: SIP/2.0/UDP \(host):\(port);branch=z9hG4bK\(UUID().uuidString);rport",
        "Max-Forwards: 70", "From: <sip:\(user)@example.com>;tag=\(user)", "To: <sip:\(user)@example.com>",
        "Call-ID: \(method)-\(user)-\(host)", "CSeq: \(cseq) \(method)",
      ] + more + ["Content-Length: 0", "", ""]
    send(lines.joined(separator: "\r\n"))
    return await final(within: time)
  }
}
