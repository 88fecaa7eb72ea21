import SIPMessage

/// What a SUBSCRIBE asks for, after it was looked at (RFC 6665 section 4.2.1, RFC 3680 section 4).
struct SubscribeRequest {
  /// Why it is not taken.
  struct Refusal: Error {
    var status: Int
    var reason: String?
    var headers = SIPHeaderBlock()
  }

  let message: SIPMessage
  let callID: [UInt8]
  let fromTag: [UInt8]
  /// Our tag; nil outside a dialog.
  let toTag: [UInt8]?
  let cseq: UInt32
  /// 0 ends the subscription, or asks once.
  let seconds: UInt32
  /// The `id` of Event.
  let eventID: [UInt8]?
  let contact: ContactValue
  let routes: [[UInt8]]

  init(_ message: SIPMessage, _ configuration: RegConfiguration) throws(Refusal) {
    self.message = message
    do throws(SIPParseError) {
      callID = Array(try message.callID)
      fromTag = Array(try message.from.tag ?? [])
      toTag = try message.to.tag.map { Array($0) }
      cseq = try message.cseq.number
      eventID = try Self.event(message)
      guard case .contacts(let contacts) = try message.contacts(most: 2), contacts.count == 1,
        let contact = contacts.first, contact.uri.scheme == .sip || contact.uri.scheme == .sips
      else { throw SIPParseError(.badHeaderValue, header: .contact) }
      self.contact = contact
      routes = message.values(of: .recordRoute).map { $0.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 } }
    } catch {
      throw Self.refusal(error)
    }
    guard !fromTag.isEmpty else { throw Refusal(status: 400, reason: "Missing From Tag") }
    guard Self.accepts(message) else {
      var refusal = Refusal(status: 406)
      Self.add(.accept, ReginfoDocument.mediaType, to: &refusal.headers)
      throw refusal
    }
    let asked = message.expires ?? configuration.defaultSeconds
    guard asked == 0 || asked >= configuration.leastSeconds else {
      var refusal = Refusal(status: 423)
      refusal.headers.add(.minExpires, UInt64(configuration.leastSeconds))
      throw refusal
    }
    seconds = min(asked, configuration.mostSeconds)
  }

  private static func refusal(_ error: SIPParseError) -> Refusal {
    guard error.status == 489 else { return Refusal(status: error.status ?? 400, reason: error.reasonPhrase) }
    var refusal = Refusal(status: 489)
    add(.allowEvents, "reg", to: &refusal.headers)
    return refusal
  }

  /// Adds a value of ours, which has no line break.
  private static func add(_ name: SIPHeaderName, _ value: String, to headers: inout SIPHeaderBlock) {
    do throws(SIPWriteError) {
      try headers.add(name, value)
    } catch {
      return
    }
  }

  /// The `id` of Event.
  /// - Throws: with 489 for another package.
  private static func event(_ message: SIPMessage) throws(SIPParseError) -> [UInt8]? {
    guard let value = try message.optionalValue(.event) else {
      throw SIPParseError(.missingHeader, status: 489)
    }
    let parts = value.split(separator: UInt8(ascii: ";")).map { trimmed($0) }
    guard let package = parts.first, package.equalsIgnoringCase("reg") else {
      throw SIPParseError(.badHeaderValue, header: .event, status: 489)
    }
    for part in parts.dropFirst() {
      let pair = part.split(separator: UInt8(ascii: "="), maxSplits: 1)
      guard pair.count == 2, let name = pair.first, let text = pair.last,
        trimmed(name).equalsIgnoringCase("id")
      else { continue }
      let id = Array(trimmed(text))
      // It goes into our NOTIFY: nothing but what a token may have.
      guard id.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }) else {
        throw SIPParseError(.badHeaderValue, header: .event)
      }
      return id
    }
    return nil
  }

  /// Without Accept the type of the package is meant.
  private static func accepts(_ message: SIPMessage) -> Bool {
    guard message.contains(.accept) else { return true }
    for value in message.values(of: .accept) {
      let type = trimmed(value.prefix { $0 != UInt8(ascii: ";") })
      for accepted in [ReginfoDocument.mediaType, "application/*", "*/*"]
      where type.equalsIgnoringCase(accepted) {
        return true
      }
    }
    return false
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var result = bytes.drop { $0 <= 0x20 }
    while let last = result.last, last <= 0x20 { result.removeLast() }
    return result
  }
}
