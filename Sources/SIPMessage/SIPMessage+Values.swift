extension SIPMessage {
  // MARK: - Header fields as bytes

  /// The number of header fields.
  public var headerCount: Int { fields.count }

  /// Whether a header field of this name is there.
  public func contains(_ name: SIPHeaderName) -> Bool { fields.contains { $0.name == name } }

  /// How many header fields of this name are there.
  public func count(_ name: SIPHeaderName) -> Int {
    var count = 0
    for field in fields where field.name == name { count += 1 }
    return count
  }

  /// The whole value of the first header field of this name, trimmed, folds still in it.
  public func header(_ name: SIPHeaderName) -> ArraySlice<UInt8>? {
    for field in fields where field.name == name { return bytes[field.range] }
    return nil
  }

  /// The whole value of the first header field of a name that we have no case for. Names have no case.
  public func header(named name: String) -> ArraySlice<UInt8>? {
    for field in fields where equalsIgnoringCase(bytes, field.nameRange, name) { return bytes[field.range] }
    return nil
  }

  /// The whole values of all header fields of this name, each as it stands, commas and all.
  public func headers(_ name: SIPHeaderName) -> [ArraySlice<UInt8>] {
    fields.filter { $0.name == name }.map { bytes[$0.range] }
  }

  /// Calls `body` with the whole value of each header field of this name.
  public func forEachHeader(_ name: SIPHeaderName, _ body: (ArraySlice<UInt8>) -> Void) {
    for field in fields where field.name == name { body(bytes[field.range]) }
  }

  /// The comma-separated values of all header fields of this name.
  public func values(of name: SIPHeaderName) -> SIPHeaderValues { SIPHeaderValues(message: self, name: name) }

  /// The only header field of this name.
  /// - Throws: `missingHeader`, or `duplicateHeader` when there are two.
  func single(_ name: SIPHeaderName) throws(SIPParseError) -> Range<Int> {
    guard let range = try optionalSingle(name) else { throw SIPParseError(.missingHeader, header: name) }
    return range
  }

  func optionalSingle(_ name: SIPHeaderName) throws(SIPParseError) -> Range<Int>? {
    var found: Range<Int>?
    for field in fields where field.name == name {
      guard found == nil else { throw SIPParseError(.duplicateHeader, header: name) }
      found = field.range
    }
    return found
  }

  // MARK: - Typed values

  /// CSeq. Its number must be under 2^32.
  public var cseq: CSeq {
    get throws(SIPParseError) {
      let (number, method) = try cseqParts()
      return CSeq(number: number, method: SIPMethod(bytes, method))
    }
  }

  /// Whether the method in CSeq is the one of the request line, also when it is one that we do not know.
  public var cseqMatchesMethod: Bool {
    get throws(SIPParseError) {
      let (_, method) = try cseqParts()
      return isRequest && bytes[method] == bytes[firstRange]
    }
  }

  private func cseqParts() throws(SIPParseError) -> (UInt32, Range<Int>) {
    var cursor = ByteCursor(bytes, try single(.cseq))
    let start = cursor.at
    while let byte = cursor.current, isDigit(byte) { cursor.at += 1 }
    let digits = start..<cursor.at
    guard let number = decimal(bytes, digits), let number = UInt32(exactly: number),
      let space = cursor.current,
      isLinearWhitespace(space)
    else { throw SIPParseError(.badHeaderValue, header: .cseq) }
    cursor.skipWhitespace()
    guard let method = cursor.token(), cursor.isAtEnd else {
      throw SIPParseError(.badHeaderValue, header: .cseq)
    }
    return (number, method)
  }

  /// Call-ID: one word, compared byte by byte.
  public var callID: ArraySlice<UInt8> {
    get throws(SIPParseError) {
      let range = try single(.callID)
      guard !range.isEmpty else { throw SIPParseError(.badHeaderValue, header: .callID) }
      for index in range where bytes[index] <= 0x20 || bytes[index] == 0x7F {
        throw SIPParseError(.badHeaderValue, header: .callID)
      }
      return bytes[range]
    }
  }

  /// From.
  public var from: NameAddress {
    get throws(SIPParseError) { try NameAddress(bytes, try single(.from), header: .from) }
  }

  /// To.
  public var to: NameAddress {
    get throws(SIPParseError) { try NameAddress(bytes, try single(.to), header: .to) }
  }

  /// The topmost Via value.
  public var topVia: Via {
    get throws(SIPParseError) {
      var values = values(of: .via).makeIterator()
      guard let range = values.nextRange() else { throw SIPParseError(.missingHeader, header: .via) }
      return try Via(bytes, range)
    }
  }

  /// All Via values, topmost first.
  public var vias: [Via] {
    get throws(SIPParseError) {
      var result: [Via] = []
      var values = values(of: .via).makeIterator()
      while let range = values.nextRange() { result.append(try Via(bytes, range)) }
      return result
    }
  }

  /// All Contact values.
  /// - Parameter most: more than this many is refused with 513.
  /// - Throws: for a bad value, and for `*` together with anything else.
  public func contacts(most: Int = SIPLimits.datagram.contacts) throws(SIPParseError) -> ContactList {
    var result: [ContactValue] = []
    var hasWildcard = false
    var values = values(of: .contact).makeIterator()
    var isAny = false
    while let range = values.nextRange() {
      isAny = true
      if range.count == 1, bytes[range.lowerBound] == UInt8(ascii: "*") {
        guard !hasWildcard else { throw SIPParseError(.badHeaderValue, header: .contact) }
        hasWildcard = true
        continue
      }
      guard result.count < most else { throw SIPParseError(.tooManyHeaders, header: .contact, status: 513) }
      result.append(try ContactValue(bytes, range))
    }
    guard isAny else {
      // "Contact:" with nothing behind it is no query.
      guard !contains(.contact) else { throw SIPParseError(.badHeaderValue, header: .contact) }
      return .none
    }
    if hasWildcard {
      guard result.isEmpty else { throw SIPParseError(.badHeaderValue, header: .contact) }
      return .wildcard
    }
    return .contacts(result)
  }

  /// Expires in seconds; nil when it is not there. Too large is clamped to 2^32-1; a value that is no number is as if
  /// it was not there (RFC 3261 section 10.3 step 7 leaves the default to the registrar).
  public var expires: UInt32? {
    for field in fields where field.name == .expires {
      return decimal(bytes, field.range).map { UInt32(clamping: $0) }
    }
    return nil
  }

  /// Max-Forwards, 0...255; nil when it is not there.
  public var maxForwards: UInt8? {
    get throws(SIPParseError) {
      guard let range = try optionalSingle(.maxForwards) else { return nil }
      guard let value = decimal(bytes, range), value <= 255 else {
        throw SIPParseError(.badHeaderValue, header: .maxForwards)
      }
      return UInt8(value)
    }
  }

  /// Content-Length as it stands; nil when it is not there. The parser has checked it against the body.
  public var contentLength: UInt64? {
    for field in fields where field.name == .contentLength { return decimal(bytes, field.range) }
    return nil
  }

  /// The Route values, topmost first.
  public var routes: [NameAddress] {
    get throws(SIPParseError) { try addresses(.route) }
  }

  /// The Record-Route values, topmost first.
  public var recordRoutes: [NameAddress] {
    get throws(SIPParseError) { try addresses(.recordRoute) }
  }

  /// The Path values, topmost (last proxy passed) first (RFC 3327).
  public var paths: [NameAddress] {
    get throws(SIPParseError) { try addresses(.path) }
  }

  /// All addresses of a header field that lists them.
  public func addresses(_ name: SIPHeaderName) throws(SIPParseError) -> [NameAddress] {
    var result: [NameAddress] = []
    var values = values(of: name).makeIterator()
    while let range = values.nextRange() { result.append(try NameAddress(bytes, range, header: name)) }
    return result
  }

  /// The option tags of Require.
  public var requires: [ArraySlice<UInt8>] { optionTags(.require) }

  /// The option tags of Proxy-Require.
  public var proxyRequires: [ArraySlice<UInt8>] { optionTags(.proxyRequire) }

  /// Whether Supported has this option tag (no case).
  public func supports(_ option: String) -> Bool {
    for value in values(of: .supported) where value.equalsIgnoringCase(option) { return true }
    return false
  }

  private func optionTags(_ name: SIPHeaderName) -> [ArraySlice<UInt8>] {
    guard contains(name) else { return [] }
    return values(of: name).filter { !$0.isEmpty }
  }
}

extension SIPMessage {
  /// The whole value of a header field that may stand once; nil when it is not there.
  /// - Throws: `duplicateHeader` when it stands twice.
  public func optionalValue(_ name: SIPHeaderName) throws(SIPParseError) -> ArraySlice<UInt8>? {
    guard let range = try optionalSingle(name) else { return nil }
    return bytes[range]
  }
}
