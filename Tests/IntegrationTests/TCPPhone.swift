import Foundation
import Testing

/// A phone with one TCP connection to one server, as plain as can be.
final class TCPPhone {
  private let descriptor: Int32
  private var pending = ""
  /// Whether the server has closed the connection.
  private(set) var isClosed = false
  /// The port that the connection has here.
  let port: Int
  let user: String
  private let domain: String
  private let instance: String
  private var cseq = 0
  private static let counter = UUID().uuidString.prefix(8)

  init(_ user: String, domain: String, port remote: Int, instance: String) throws {
    self.user = user
    self.domain = domain
    self.instance = instance
    let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    descriptor = made
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(clamping: remote)).bigEndian
    address.sin_addr = in_addr(s_addr: in_addr_t(0x7f00_0001).bigEndian)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(made, $0, size) }
    }
    var own = sockaddr_in()
    var ownSize = size
    _ = withUnsafeMutablePointer(to: &own) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(made, $0, &ownSize) }
    }
    port = Int(in_port_t(bigEndian: own.sin_port))
    try #require(connected == 0, "cannot connect to port \(remote)")
  }

  deinit { close(descriptor) }

  func send(_ text: String) {
    let bytes = Array(text.utf8)
    _ = Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// The next message, with its body; `nil` when none comes in time or the connection is closed.
  func receive(within time: Duration = .seconds(10)) async -> String? {
    let end = ContinuousClock.now + time
    while true {
      if let message = next() { return message }
      guard !isClosed, ContinuousClock.now < end else { return nil }
      var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&event, 1, 0) > 0 else {
        try? await Task.sleep(for: .milliseconds(10))
        continue
      }
      var bytes = [UInt8](repeating: 0, count: 65_536)
      let count = recv(descriptor, &bytes, bytes.count, 0)
      if count > 0 { pending += String(decoding: bytes[..<count], as: UTF8.self) } else { isClosed = true }
    }
  }

  private func next() -> String? {
    while pending.hasPrefix("\r\n") { pending.removeFirst() }
    guard let end = pending.range(of: "\r\n\r\n") else { return nil }
    let head = String(pending[..<end.upperBound])
    let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
      .flatMap { Int($0.dropFirst(15).filter { $0 != " " }) }
    let rest = pending[end.upperBound...]
    guard rest.utf8.count >= length ?? 0 else { return nil }
    let body = String(decoding: Array(rest.utf8).prefix(length ?? 0), as: UTF8.self)
    pending = String(decoding: Array(rest.utf8).dropFirst(length ?? 0), as: UTF8.self)
    return head + body
  }

  /// Sends a request and gives its answer; what comes before that is given to `also`.
  func ask(_ method: String, _ headers: [String], also: (String) -> Void = { _ in }) async -> String? {
    cseq += 1
    let uri = method == "REGISTER" ? "sip:\(domain)" : "sip:\(user)@\(domain)"
    let lines =
      [
        "\(method) \(uri) SIP/2.0",
        "Via: SIP/2.0/TCP 127.0.0.1:\(port);branch=z9hG4bK\(UUID().uuidString)",
        "Max-Forwards: 70", "From: <sip:\(user)@\(domain)>;tag=\(user)", "To: <sip:\(user)@\(domain)>",
        "Call-ID: \(method)-\(instance)-\(Self.counter)-\(port)", "CSeq: \(cseq) \(method)",
        "Contact: <sip:\(user)@127.0.0.1:\(port);transport=tcp>;+sip.instance=\"<urn:uuid:\(instance)>\"",
      ] + headers + ["Content-Length: 0", "", ""]
    send(lines.joined(separator: "\r\n"))
    while let message = await receive() {
      if message.hasPrefix("SIP/2.0 "), message.contains("CSeq: \(cseq) \(method)") { return message }
      also(message)
    }
    return nil
  }

  /// The next NOTIFY, which it answers with 200.
  func notify(within time: Duration = .seconds(10)) async -> String? {
    while let message = await receive(within: time) {
      guard message.hasPrefix("NOTIFY ") else { continue }
      answer(message)
      return message
    }
    return nil
  }

  /// Answers a request with 200.
  func answer(_ request: String) {
    let names = ["via", "from", "to", "call-id", "cseq"]
    let kept = request.components(separatedBy: "\r\n").filter { line in
      names.contains { line.lowercased().hasPrefix("\($0):") }
    }
    send((["SIP/2.0 200 OK"] + kept + ["Content-Length: 0", "", ""]).joined(separator: "\r\n"))
  }
}
