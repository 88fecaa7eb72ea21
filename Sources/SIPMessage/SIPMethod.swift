/// A request method. Methods are case-sensitive (RFC 3261 section 7.1).
public enum SIPMethod: String, Hashable, Sendable, CaseIterable {
  /// RFC 3261.
  case register = "REGISTER"
  /// RFC 3261.
  case invite = "INVITE"
  /// RFC 3261.
  case ack = "ACK"
  /// RFC 3261.
  case cancel = "CANCEL"
  /// RFC 3261.
  case bye = "BYE"
  /// RFC 3261.
  case options = "OPTIONS"
  /// RFC 3428.
  case message = "MESSAGE"
  /// RFC 6665.
  case subscribe = "SUBSCRIBE"
  /// RFC 6665.
  case notify = "NOTIFY"
  /// RFC 3903.
  case publish = "PUBLISH"
  /// RFC 6086.
  case info = "INFO"
  /// RFC 3262.
  case prack = "PRACK"
  /// RFC 3311.
  case update = "UPDATE"
  /// RFC 3515.
  case refer = "REFER"
  /// A method that we do not know. `SIPMessage.methodBytes` has its name.
  case other = ""

  /// Names a method from the bytes of a start line or a CSeq.
  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self = .other
    guard let first = range.first else { return }
    let candidates: [SIPMethod]
    switch bytes[first] {
    case UInt8(ascii: "R"): candidates = Self.startingWithR
    case UInt8(ascii: "I"): candidates = Self.startingWithI
    case UInt8(ascii: "P"): candidates = Self.startingWithP
    case UInt8(ascii: "A"), UInt8(ascii: "B"), UInt8(ascii: "C"), UInt8(ascii: "M"), UInt8(ascii: "N"),
      UInt8(ascii: "O"), UInt8(ascii: "S"), UInt8(ascii: "U"):
      candidates = Self.theOthers
    default: return
    }
    for candidate in candidates where bytes[range].elementsEqual(candidate.rawValue.utf8) {
      self = candidate
      return
    }
  }

  private static let startingWithR: [SIPMethod] = [.register, .refer]
  private static let startingWithI: [SIPMethod] = [.invite, .info]
  private static let startingWithP: [SIPMethod] = [.publish, .prack]
  private static let theOthers: [SIPMethod] = [
    .ack, .bye, .cancel, .message, .notify, .options, .subscribe, .update,
  ]
}
