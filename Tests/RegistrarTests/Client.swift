import Registrar
import SIPMessage

/// Text with LF line ends as the bytes of a message with CRLF line ends.
func wire(_ text: String) -> [UInt8] {
  var result: [UInt8] = []
  for byte in text.utf8 {
    if byte == 0x0A { result.append(0x0D) }
    result.append(byte)
  }
  return result
}

extension [UInt8] {
  var text: String { String(decoding: self, as: UTF8.self) }
}

/// A pool's registrar with one user's record, as a shell would run it.
struct Pool {
  var registrar = Registrar(
    .init(domains: ["example.com"], hosts: ["192.0.2.1"], contactsPerUser: 3, tagKey: .init(low: 1, high: 2))
  )
  var record: RegistrationRecord?
  var now: Int64 = 1_000_000_000_000
  var source = Registrar.Source(address: Array("udp:192.0.2.7:5060".utf8), flow: Array("fe1/7".utf8))
  var authenticated: String?
  /// How often something was stored.
  var stores = 0

  /// A REGISTER of alice; `headers` are lines that are added.
  static func request(
    _ headers: String,
    callID: String = "c1",
    cseq: String = "1 REGISTER",
    branch: String = "z9hG4bK1",
    to: String = "<sip:alice@example.com>",
    uri: String = "sip:example.com"
  ) throws -> SIPMessage {
    try SIPMessage(
      parsing: wire(
        "REGISTER \(uri) SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7;branch=\(branch)\nMax-Forwards: 70\nTo: \(to)\n"
          + "From: \(to);tag=f\nCall-ID: \(callID)\nCSeq: \(cseq)\n\(headers)\nContent-Length: 0\n\n"
      )
    )
  }

  /// Decides, stores and answers; the answer is parsed again from its bytes.
  mutating func send(_ request: SIPMessage) throws -> SIPMessage {
    let decision = registrar.decide(
      request,
      record: record,
      source: source,
      authenticated: authenticated,
      at: now
    )
    if case .store(let new, _) = decision {
      stores += 1
      record = try new.map { try RegistrationRecord(decoding: $0.encoded()) }
    }
    return try SIPMessage(parsing: try decision.reply.write(for: request))
  }

  mutating func register(
    _ headers: String,
    callID: String = "c1",
    cseq: Int = 1,
    branch: String? = nil
  ) throws -> SIPMessage {
    try send(
      Self.request(
        headers,
        callID: callID,
        cseq: "\(cseq) REGISTER",
        branch: branch ?? "z9hG4bK\(callID)\(cseq)"
      )
    )
  }

  /// The live contacts as a query shows them.
  mutating func query() throws -> [String] {
    try register("", callID: "query").contactLines
  }
}

extension SIPMessage {
  var contactLines: [String] { values(of: .contact).map(\.text) }
}
