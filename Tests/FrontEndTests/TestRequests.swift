import Synchronization

/// Requests as a phone would write them.
struct TestUser {
  let name: String
  let port: Int
  var transport = "UDP"
  var host = "127.0.0.1"
  private static let counter = Mutex(0)

  init(_ name: String, _ phone: Phone, host: String = "127.0.0.1") {
    self.name = name
    port = phone.port
    transport = phone.isStream ? "TCP" : "UDP"
    self.host = host
  }

  static func unique() -> Int {
    counter.withLock {
      $0 += 1
      return $0
    }
  }

  var contact: String { "sip:\(name)@\(host):\(port)" }

  func register(cseq: Int = 1, expires: Int? = 600, contact: String? = nil, callID: String? = nil) -> String {
    let value = contact ?? "<\(self.contact)>"
    let contactLine = expires == nil ? "" : "Contact: \(value);expires=\(expires ?? 0)\r\n"
    return request(
      "REGISTER",
      "sip:example.com",
      to: name,
      cseq: cseq,
      callID: callID ?? "reg-\(name)",
      contactLine
    )
  }

  func unregisterAll(cseq: Int) -> String {
    request(
      "REGISTER",
      "sip:example.com",
      to: name,
      cseq: cseq,
      callID: "reg-\(name)",
      "Contact: *\r\nExpires: 0\r\n"
    )
  }

  func request(
    _ method: String,
    _ uri: String,
    to: String,
    cseq: Int = 1,
    callID: String? = nil,
    _ headers: String = "",
    toTag: String = ""
  ) -> String {
    "\(method) \(uri) SIP/2.0\r\n"
      + "Via: SIP/2.0/\(transport) \(host):\(port);branch=z9hG4bK-\(Self.unique());rport\r\n"
      + "Max-Forwards: 70\r\nFrom: <sip:\(name)@example.com>;tag=f\(name)\r\n"
      + "To: <sip:\(to)@example.com>\(toTag)\r\nCall-ID: \(callID ?? "call-\(name)-\(Self.unique())")\r\n"
      + "CSeq: \(cseq) \(method)\r\n\(headers)Content-Length: 0\r\n\r\n"
  }
}
