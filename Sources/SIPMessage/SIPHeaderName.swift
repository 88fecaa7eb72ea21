/// The header fields that we know by name. All others are `.other` and are found by their text.
public enum SIPHeaderName: UInt8, Hashable, Sendable, CaseIterable {
  /// A header field that is not in this list.
  case other
  // RFC 3261, the ones every message has.
  case via, from, to, callID, cseq, contact, maxForwards, expires, contentLength, contentType
  // RFC 3261, routing and extensions.
  case route, recordRoute, require, proxyRequire, supported, unsupported, allow, minExpires, retryAfter
  // RFC 3261, authentication.
  case authorization, proxyAuthorization, wwwAuthenticate, proxyAuthenticate, authenticationInfo
  // RFC 3261, the rest that we write or read.
  case date, server, userAgent, accept, acceptEncoding, acceptLanguage, contentEncoding, contentDisposition
  case contentLanguage, mimeVersion, subject, warning, priority, organization, timestamp, replyTo, inReplyTo
  case alertInfo, callInfo, errorInfo
  // Extensions: RFC 3327, 3608, 5626, 6665, 3515, 3891, 3892, 4028, 3262, 3326, 3841, 8898.
  case path, serviceRoute, flowTimer, event, allowEvents, subscriptionState, referTo, replaces, referredBy
  case sessionExpires, minSE, rseq, rack, reason, acceptContact, rejectContact, requestDisposition

  /// The name as we write it.
  public var text: String { Self.texts[Int(rawValue)].0 }

  /// Names a header field from its bytes, long or compact form, without case.
  init(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) {
    self = HeaderNameTable.shared.find(bytes, start, end)
  }

  /// Finds the name for text in its long or compact form; `.other` when it is not in the list.
  public init(_ text: String) {
    let bytes = Array(text.utf8)
    // The table takes token bytes only: a CR would pass for a hyphen.
    self = bytes.allSatisfy(isTokenByte) ? HeaderNameTable.shared.find(bytes.span, 0, bytes.count) : .other
  }

  /// Long name and compact form, in the order of the cases.
  fileprivate static let texts: [(String, String)] = [
    ("", ""), ("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i"), ("CSeq", ""), ("Contact", "m"),
    ("Max-Forwards", ""), ("Expires", ""), ("Content-Length", "l"), ("Content-Type", "c"), ("Route", ""),
    ("Record-Route", ""), ("Require", ""), ("Proxy-Require", ""), ("Supported", "k"), ("Unsupported", ""),
    ("Allow", ""), ("Min-Expires", ""), ("Retry-After", ""), ("Authorization", ""),
    ("Proxy-Authorization", ""),
    ("WWW-Authenticate", ""), ("Proxy-Authenticate", ""), ("Authentication-Info", ""), ("Date", ""),
    ("Server", ""),
    ("User-Agent", ""), ("Accept", ""), ("Accept-Encoding", ""), ("Accept-Language", ""),
    ("Content-Encoding", "e"),
    ("Content-Disposition", ""), ("Content-Language", ""), ("MIME-Version", ""), ("Subject", "s"),
    ("Warning", ""),
    ("Priority", ""), ("Organization", ""), ("Timestamp", ""), ("Reply-To", ""), ("In-Reply-To", ""),
    ("Alert-Info", ""), ("Call-Info", ""), ("Error-Info", ""), ("Path", ""), ("Service-Route", ""),
    ("Flow-Timer", ""),
    ("Event", "o"), ("Allow-Events", "u"), ("Subscription-State", ""), ("Refer-To", "r"), ("Replaces", ""),
    ("Referred-By", "b"), ("Session-Expires", "x"), ("Min-SE", ""), ("RSeq", ""), ("RAck", ""),
    ("Reason", ""),
    ("Accept-Contact", "a"), ("Reject-Contact", "j"), ("Request-Disposition", "d"),
  ]
}

/// Names by length, so that a look-up compares two or three words with a handful of entries.
private struct HeaderNameTable: Sendable {
  struct Entry {
    var first: UInt64
    var second: UInt64
    var third: UInt64
    var name: SIPHeaderName
  }

  static let shared = HeaderNameTable()

  /// `starts[n]..<starts[n + 1]` are the entries of length n.
  private var starts: [Int] = []
  private var entries: [Entry] = []

  init() {
    for length in 0...24 {
      starts.append(entries.count)
      for (index, texts) in SIPHeaderName.texts.enumerated() {
        guard let name = SIPHeaderName(rawValue: UInt8(index)), name != .other else { continue }
        for text in [texts.0, texts.1] where text.utf8.count == length && length > 0 {
          let bytes = Array(text.utf8)
          entries.append(
            Entry(
              first: Self.word(bytes.span, 0, length),
              second: Self.word(bytes.span, 8, length),
              third: Self.word(bytes.span, 16, length),
              name: name
            )
          )
        }
      }
    }
    starts.append(entries.count)
  }

  func find(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> SIPHeaderName {
    let length = end - start
    guard length > 0, length <= 24 else { return .other }
    let first = Self.word(bytes, start, end)
    let low = starts[length]
    let high = starts[length + 1]
    var index = low
    while index < high {
      if entries[index].first == first {
        let second = Self.word(bytes, start + 8, end)
        let third = Self.word(bytes, start + 16, end)
        if entries[index].second == second, entries[index].third == third { return entries[index].name }
      }
      index += 1
    }
    return .other
  }

  /// Up to eight bytes with bit 5 set. Our names are letters and hyphens, and of all token bytes only the two cases of
  /// a letter map to a letter and only the hyphen to a hyphen, so equal words mean equal names.
  private static func word(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> UInt64 {
    var value: UInt64 = 0
    var index = start
    let stop = min(end, start + 8)
    while index < stop {
      value = value << 8 | UInt64(bytes[index] | 0x20)
      index += 1
    }
    return value
  }
}
