import PatchRun

/// A user as people write one on a command line.
enum UserAddress {
  /// The canonical address-of-record: `alice`, `alice@example.com` and `sip:alice@example.com` are the same user.
  static func canonical(_ text: String, domain: String) throws(CommandFailure) -> String {
    let lowered = text.lowercased()
    if lowered.hasPrefix("sips:") {
      throw CommandFailure(.usage, "'\(text)': users are kept as sip: addresses; write sip:USER@\(domain)")
    }
    let rest = lowered.hasPrefix("sip:") ? text.dropFirst(4) : text[...]
    let parts = rest.split(separator: "@", omittingEmptySubsequences: false)
    // RFC 3261 section 25.1: neither part of a user's address has a space or a control character in it.
    let isClean = text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
    guard let user = parts.first, !user.isEmpty, parts.count <= 2, isClean, parts.last != "" else {
      throw CommandFailure(.usage, "'\(text)' is no user; write alice, or sip:alice@\(domain)")
    }
    let host = parts.count == 2 ? parts[1].lowercased() : domain
    return "sip:\(user)@\(host)"
  }
}
