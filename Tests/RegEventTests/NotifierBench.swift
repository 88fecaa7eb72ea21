import RegEvent
import Registrar
import SIPMessage
import SIPTransaction

/// Text with LF line ends as the bytes of a message with CRLF line ends.
func wire(_ text: String) -> [UInt8] {
  var result: [UInt8] = []
  for byte in text.utf8 {
    if byte == 0x0A { result.append(0x0D) }
    result.append(byte)
  }
  return result
}

/// A notifier with subscribers, and what was sent as a transcript.
final class NotifierBench {
  static let user = "sip:bob@example.com"

  let notifier: RegNotifier<String>
  var now: Int64 = 1_000_000
  var record: RegistrationRecord?
  var transport = TransportKind.unreliable
  private var lines: [String] = []
  /// The last NOTIFY and its name, by place.
  private(set) var sent: [String: (message: SIPMessage, name: RegNotifyID)] = [:]
  private(set) var answer: SIPMessage?

  init(mostSubscriptions: Int = 100, mostPerUser: Int = 4) {
    notifier = RegNotifier(
      RegConfiguration(
        key: KeyedHash.Key(low: 1, high: 2),
        instance: 7,
        mostSubscriptions: mostSubscriptions,
        mostPerUser: mostPerUser
      )
    )
  }

  static func binding(
    _ name: String,
    expiresIn seconds: Int64 = 3_600,
    at now: Int64 = 1_000_000,
    cseq: UInt32 = 1,
    parameters: String = "",
    flow: String = ""
  ) -> Binding {
    Binding(
      contact: Array("sip:bob@\(name).invalid".utf8),
      parameters: Array(parameters.utf8),
      q: parameters.contains("q=0.35") ? 350 : 1_000,
      isOutbound: parameters.contains("reg-id"),
      callID: Array("r-\(name)".utf8),
      cseq: cseq,
      expiresAt: now + seconds * 1_000,
      updatedAt: now,
      flow: Array(flow.utf8)
    )
  }

  static func subscribe(
    _ name: String = "phone",
    event: String = "reg",
    headers: String = "Expires: 600\n",
    callID: String = "s1",
    cseq: Int = 1,
    toTag: String = "",
    contact: String? = nil
  ) throws -> SIPMessage {
    let eventLine = event.isEmpty ? "" : "Event: \(event)\n"
    return try SIPMessage(
      parsing: wire(
        "SUBSCRIBE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKs\(cseq)\n"
          + "Record-Route: <sip:edge;lr>\nMax-Forwards: 70\nFrom: \"B\" <sip:bob@example.com>;tag=\(name)\n"
          + "To: <sip:bob@example.com>\(toTag)\nCall-ID: \(callID)\nCSeq: \(cseq) SUBSCRIBE\n"
          + "Contact: \(contact ?? "<sip:bob@\(name).invalid>")\n\(eventLine)\(headers)Content-Length: 0\n\n"
      )
    )
  }

  func source(_ name: String, flow: String = "") -> RegSource<String> {
    RegSource(
      destination: name,
      notifyDestination: name,
      transport: transport,
      via: Array("SIP/2.0/UDP 192.0.2.1:5060".utf8),
      contact: Array("sip:bob@192.0.2.1:5060".utf8),
      flow: Array(flow.utf8)
    )
  }

  func subscribe(_ message: SIPMessage, from name: String = "phone", flow: String = "") {
    perform(
      notifier.subscribed(message, to: Self.user, record: record, from: source(name, flow: flow), at: now)
    )
  }

  func change(_ bindings: [Binding]) {
    record = RegistrationRecord(bindings: bindings)
    perform(notifier.recordChanged(of: Self.user, to: record, at: now))
  }

  func reply(_ name: String = "phone", _ status: Int = 200) throws {
    guard let request = sent[name]?.message else { return note("\(name) has nothing") }
    let response = try SIPMessage(parsing: try request.response(status: status))
    guard let actions = notifier.responseReceived(response, at: now) else { return note("not ours") }
    perform(actions)
  }

  func wait(until time: Int64) {
    while let deadline = notifier.nextDeadline, deadline <= time {
      now = max(now, deadline)
      perform(notifier.timeAdvanced(to: now))
    }
    now = time
  }

  func note(_ text: String) { lines.append("\(now - 1_000_000) \(text)") }

  /// What was sent since the last call. Times count from the start.
  func transcript() -> String {
    defer { lines = [] }
    return lines.joined(separator: "\n")
  }

  func perform(_ actions: [RegAction<String>]) {
    for action in actions {
      switch action {
      case .respond(let bytes, let destination):
        answer = try? SIPMessage(parsing: bytes)
        note("\(destination): \(answer?.status ?? 0)")
      case .send(let bytes, let destination, let name):
        guard let message = try? SIPMessage(parsing: bytes) else { return note("cannot be parsed") }
        sent[destination] = (message, name)
        note("\(destination): NOTIFY \(Self.summary(message))")
      }
    }
  }

  /// Subscription-State, and of the body version, scope and contacts.
  private static func summary(_ message: SIPMessage) -> String {
    let state = message.header(.subscriptionState)?.text ?? "?"
    let body = message.body.text
    guard !body.isEmpty else { return state }
    let head = attribute("version", body) + " " + attribute("state", body)
    let contacts = body.components(after: "<contact ").map { text in
      let host = text.components(after: "<uri>sip:bob@").first?.prefix { $0 != "." } ?? "?"
      return "\(host) \(attribute("event", text))"
    }
    return ([state, head] + contacts).joined(separator: " | ")
  }

  private static func attribute(_ name: String, _ text: String) -> String {
    // The XML declaration has a version too.
    let values = text.components(after: " \(name)=\"").filter { !$0.hasPrefix("1.0") }
    return String((values.first ?? "?").prefix { $0 != "\"" })
  }
}

extension String {
  /// What follows each place where `text` stands.
  func components(after text: String) -> [String] {
    var result: [String] = []
    var rest = self[...]
    while let range = rest.firstRange(of: text) {
      rest = rest[range.upperBound...]
      result.append(String(rest))
    }
    return result
  }
}
