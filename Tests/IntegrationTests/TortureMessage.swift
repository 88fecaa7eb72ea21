/// A message in the manner of a case of RFC 4475 or RFC 5118, written anew from what that case is about, and what a server
/// of a pool answers.
struct TortureMessage: Sendable {
  /// What has to come back.
  enum Answer: Sendable, Equatable {
    case status(Int)
    case nothing
  }

  /// The section of the RFC, and the name that the case has there.
  let name: String
  let bytes: [UInt8]
  let answer: Answer
  /// Over TCP, where that is another: a stream waits for a body that a datagram lacks.
  let overTCP: Answer

  /// - Parameter text: with LF line ends, which become CRLF.
  init(_ name: String, _ answer: Answer, overTCP: Answer? = nil, _ text: String, body: [UInt8] = []) {
    self.name = name
    self.answer = answer
    self.overTCP = overTCP ?? answer
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if byte == 0x0A { bytes.append(0x0D) }
      bytes.append(byte)
    }
    self.bytes = bytes + body
  }

  /// The value of Call-ID; empty when there is none.
  var callID: String {
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\r\n") {
      for name in ["call-id:", "i:"] where line.lowercased().hasPrefix(name) {
        return String(line.dropFirst(name.count).drop { $0 == " " })
      }
    }
    return ""
  }

  /// The message with another Call-ID, where it has one.
  var another: String {
    let text = String(decoding: bytes, as: UTF8.self)
    return callID.isEmpty ? text : text.replacing(callID, with: "x\(callID)")
  }

  /// A request with the usual header fields; those given take the place of the usual ones of the same name, and lines
  /// without a colon are written as they are.
  static func request(
    _ name: String,
    _ answer: Answer,
    overTCP: Answer? = nil,
    _ line: String,
    _ given: [String] = [],
    without: [String] = [],
    body: String = ""
  ) -> TortureMessage {
    let method = line.split(separator: " ").first ?? "OPTIONS"
    let id = name.filter { $0.isLetter || $0.isNumber }
    let usual = [
      "Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bK\(id)", "Max-Forwards: 70",
      "To: <sip:user@example.com>", "From: <sip:caller@example.net>;tag=\(id)", "Call-ID: \(id)@192.0.2.1",
      "CSeq: 60 \(method)", "Contact: <sip:caller@host5.example.net>", "Content-Length: \(body.utf8.count)",
    ]
    func field(_ line: String) -> String {
      switch line.prefix(while: { $0 != ":" }).lowercased().filter({ $0 != " " }) {
      case "v": "via"
      case "t": "to"
      case "f": "from"
      case "i": "call-id"
      case "m": "contact"
      case "l": "content-length"
      case let other: other
      }
    }
    let taken = Set(given.map(field) + without.map { $0.lowercased() })
    let lines = [line] + usual.filter { !taken.contains(field($0)) } + given
    return TortureMessage(
      name,
      answer,
      overTCP: overTCP,
      lines.joined(separator: "\n") + "\n\n" + body
    )
  }

  static let all = valid + malformed + wrong + sixth
}
