import SIPMessage
import SIPProxy
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

/// A proxy with a caller and callees, and what was sent as a transcript: time, where to, first line.
final class ProxyBench {
  let table: ProxyTable<String>
  var now: Int64 = 0
  /// What was sent since the transcript was last taken.
  private var lines: [String] = []
  /// The last request that was sent to each place, and its name, by method.
  private(set) var sent: [String: (message: SIPMessage, name: ProxySend?)] = [:]
  /// The last response that the caller got.
  private(set) var answer: SIPMessage?
  private(set) var next = ProxyTable<String>.Next.done
  let callerTransport: TransportKind

  static let key = KeyedHash.Key(low: 1, high: 2)

  init(
    callerTransport: TransportKind = .unreliable,
    mostContexts: Int = 100,
    mostPerSource: Int = 100,
    mostTargets: Int = 16
  ) {
    self.callerTransport = callerTransport
    table = ProxyTable(
      ProxyConfiguration(
        key: Self.key,
        instance: 7,
        mostContexts: mostContexts,
        mostPerSource: mostPerSource,
        mostTargets: mostTargets,
        realm: Array("example.com".utf8)
      )
    )
  }

  var source: ProxySource<String> {
    ProxySource(
      destination: "caller",
      address: SIPSource(address: "192.0.2.9", port: 5_077),
      transport: callerTransport
    )
  }

  static func request(
    _ method: String = "INVITE",
    uri: String = "sip:bob@example.com",
    branch: String = "z9hG4bKcall",
    headers: String = "Max-Forwards: 70\n",
    toTag: String = ""
  ) throws -> SIPMessage {
    try SIPMessage(
      parsing: wire(
        "\(method) \(uri) SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1;rport;branch=\(branch)\n\(headers)"
          + "From: <sip:alice@example.com>;tag=f\nTo: <sip:bob@example.com>\(toTag)\nCall-ID: c1\n"
          + "CSeq: 1 \(method)\nContent-Length: 0\n\n"
      )
    )
  }

  /// A target over UDP.
  static func target(
    _ name: String,
    q: Int = 1_000,
    device: String? = nil,
    routes: [String] = [],
    transport: TransportKind = .unreliable
  ) -> ProxyTarget<String> {
    ProxyTarget(
      destination: name,
      transport: transport,
      via: Array("SIP/2.0/UDP 192.0.2.1:5060".utf8),
      uri: Array("sip:bob@\(name).invalid".utf8),
      routes: routes.map { Array($0.utf8) },
      recordRoutes: [Array("sip:token@192.0.2.1:5060".utf8)],
      q: q,
      device: device.map { Array($0.utf8) }
    )
  }

  /// The caller sends.
  func call(_ message: SIPMessage) {
    let taken = table.requestReceived(message, from: source, at: now)
    perform(taken.actions)
    next = taken.next
  }

  /// The caller sends, and the request goes to these.
  func call(_ message: SIPMessage, to targets: [ProxyTarget<String>]) throws {
    call(message)
    try forward(message, to: targets)
  }

  func forward(_ message: SIPMessage, to targets: [ProxyTarget<String>]) throws {
    guard case .route(let id) = next else { return note("not to be routed: \(next)") }
    let plan = try RoutePlan(message) { $0.canonicalHost == "192.0.2.1" }
    perform(table.forward(id, plan, to: targets, at: now))
  }

  /// A callee answers the last request of the method that it got.
  func reply(
    _ name: String,
    _ status: Int,
    method: String = "INVITE",
    headers: SIPHeaderBlock = SIPHeaderBlock()
  ) throws {
    guard let request = sent["\(name) \(method)"]?.message else { return note("\(name) has no \(method)") }
    let bytes = try request.response(status: status, toTag: Array("to-\(name)".utf8), headers: headers)
    try receive(bytes)
  }

  func receive(_ bytes: [UInt8]) throws {
    guard let actions = table.responseReceived(try SIPMessage(parsing: bytes), at: now) else {
      return note("not ours")
    }
    perform(actions)
  }

  func fail(_ name: String, _ failure: ProxySendFailure, method: String = "INVITE") {
    guard let send = sent["\(name) \(method)"]?.name else { return note("\(name) has no \(method)") }
    perform(table.sendFailed(send, failure, at: now))
  }

  /// Lets time pass, from deadline to deadline.
  func wait(until time: Int64) {
    while let deadline = table.nextDeadline, deadline <= time {
      now = max(now, deadline)
      perform(table.timeAdvanced(to: now))
    }
    now = time
  }

  func note(_ text: String) { lines.append("\(now) \(text)") }

  /// What was sent since the last call.
  func transcript() -> String {
    defer { lines = [] }
    return lines.joined(separator: "\n")
  }

  func perform(_ actions: [ProxyAction<String>]) {
    for action in actions {
      switch action {
      case .respond(let bytes, let destination):
        show(bytes, destination)
        answer = try? SIPMessage(parsing: bytes)
      case .send(let bytes, let destination, let name):
        show(bytes, destination)
        guard let message = try? SIPMessage(parsing: bytes) else { return note("cannot be parsed") }
        sent["\(destination) \(message.method.rawValue)"] = (message, name)
      }
    }
  }

  private func show(_ bytes: [UInt8], _ destination: String) {
    let line = String(decoding: bytes.prefix { $0 != 0x0D }, as: UTF8.self)
    let short = line.replacingSuffix(" SIP/2.0").replacingPrefix("SIP/2.0 ")
    note("\(destination): \(short)")
  }
}

extension String {
  fileprivate func replacingSuffix(_ text: String) -> String {
    hasSuffix(text) ? String(dropLast(text.count)) : self
  }

  fileprivate func replacingPrefix(_ text: String) -> String {
    hasPrefix(text) ? String(dropFirst(text.count)) : self
  }
}

extension SIPMessage {
  /// The values of a header field as text.
  func texts(_ name: SIPHeaderName) -> [String] { values(of: name).map(\.text) }
}
