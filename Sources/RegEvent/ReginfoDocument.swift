import Registrar

/// A document of type application/reginfo+xml about one user (RFC 3680 section 5).
public struct ReginfoDocument: Sendable, Hashable {
  /// The media type.
  public static let mediaType = "application/reginfo+xml"

  /// What it holds.
  public enum Scope: String, Sendable, Hashable {
    /// All contacts.
    case full
    /// Those that changed.
    case partial
  }

  /// Counts the documents of one subscription, from 0.
  public var version: UInt32
  /// What it holds.
  public var scope: Scope
  /// The address-of-record in its canonical form.
  public var addressOfRecord: String
  /// Whether the user has contacts that count.
  public var isRegistered: Bool
  /// The contacts.
  public var contacts: [ContactChange]

  /// Makes a document.
  public init(
    version: UInt32,
    scope: Scope,
    addressOfRecord: String,
    isRegistered: Bool,
    contacts: [ContactChange]
  ) {
    self.version = version
    self.scope = scope
    self.addressOfRecord = addressOfRecord
    self.isRegistered = isRegistered
    self.contacts = contacts
  }

  /// The document as UTF-8.
  /// - Parameter now: milliseconds of pool time, for what is left of each contact.
  public func write(at now: Int64) -> [UInt8] {
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\""
    text += " version=\"\(version)\" state=\"\(scope.rawValue)\">\n"
    let state = isRegistered ? "active" : contacts.isEmpty ? "init" : "terminated"
    text += "  <registration aor=\"\(Self.escaped(addressOfRecord))\""
    text += " id=\"\(String(decoding: RegIdentity.registration(addressOfRecord), as: UTF8.self))\""
    text += " state=\"\(state)\">\n"
    for contact in contacts { text += Self.element(contact, at: now) }
    text += "  </registration>\n</reginfo>\n"
    return Array(text.utf8)
  }

  private static func element(_ change: ContactChange, at now: Int64) -> String {
    let binding = change.binding
    var text = "    <contact id=\"\(String(decoding: binding.contactID, as: UTF8.self))\""
    text += " state=\"\(change.event.isActive ? "active" : "terminated")\" event=\"\(change.event.rawValue)\""
    if change.event.isActive { text += " expires=\"\(binding.secondsLeft(at: now))\"" }
    if binding.parameter("q") != nil { text += " q=\"\(decimal(binding.q))\"" }
    text += " callid=\"\(escaped(binding.callID))\" cseq=\"\(binding.cseq)\">\n"
    text += "      <uri>\(escaped(binding.contact))</uri>\n"
    // As in a Contact, where the instance stands in quotes (RFC 5628 section 5).
    for (name, quote) in [("+sip.instance", "&quot;"), ("reg-id", "")] {
      guard let value = binding.parameter(name) else { continue }
      text += "      <unknown-param name=\"\(name)\">\(quote)\(escaped(value))\(quote)</unknown-param>\n"
    }
    return text + "    </contact>\n"
  }

  private static func decimal(_ thousandths: Int) -> String {
    let value = min(max(thousandths, 0), 1_000)
    if value == 1_000 { return "1" }
    let digits = String(value)
    var text = "0." + String(repeating: "0", count: 3 - digits.count) + digits
    while text.hasSuffix("0") { text.removeLast() }
    return text == "0." ? "0" : text
  }

  private static func escaped(_ bytes: [UInt8]) -> String { escaped(String(decoding: bytes, as: UTF8.self)) }

  /// Text as it may stand in content and in attributes. What XML has no way to write becomes U+FFFD.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&apos;"
      case "\t", "\n", "\r": result += "&#\(scalar.value);"
      case "\u{0}"..<"\u{20}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
