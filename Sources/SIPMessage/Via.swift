/// One Via value (RFC 3261 section 20.42, RFC 3581).
public struct Via: Sendable {
  let bytes: [UInt8]
  let transportRange: Range<Int>
  let hostRange: Range<Int>
  /// The port of sent-by.
  public let port: UInt16?
  /// The parameters.
  public let parameters: SIPParameters

  /// What a Via says about the source port (RFC 3581).
  public enum RPort: Sendable, Hashable {
    /// No such parameter.
    case absent
    /// `rport` without a value: the client asks for it.
    case requested
    /// Filled in by the server.
    case value(UInt16)
  }

  /// Parses one value.
  public init(parsing value: ArraySlice<UInt8>) throws(SIPParseError) {
    try self.init(Array(value), 0..<value.count)
  }

  init(_ bytes: [UInt8], _ range: Range<Int>) throws(SIPParseError) {
    self.bytes = bytes
    var cursor = ByteCursor(bytes, range)
    let bad = SIPParseError(.badHeaderValue, header: .via)
    cursor.skipWhitespace()
    // sent-protocol: name "/" version "/" transport, white space allowed around each.
    for _ in 0..<2 {
      guard cursor.token() != nil else { throw bad }
      cursor.skipWhitespace()
      guard cursor.take(UInt8(ascii: "/")) else { throw bad }
      cursor.skipWhitespace()
    }
    guard let transport = cursor.token(), let space = cursor.current, isLinearWhitespace(space) else {
      throw bad
    }
    transportRange = transport
    cursor.skipWhitespace()
    guard let host = HostGrammar.host(&cursor) else { throw bad }
    hostRange = host
    let afterHost = cursor.at
    cursor.skipWhitespace()
    if cursor.take(UInt8(ascii: ":")) {
      cursor.skipWhitespace()
      guard let port = HostGrammar.port(&cursor) else { throw bad }
      self.port = port
    } else {
      cursor.at = afterHost
      port = nil
    }
    parameters = try SIPParameters.parse(&cursor, header: .via)
  }

  /// The transport as it came, such as `UDP`.
  public var transport: ArraySlice<UInt8> { bytes[transportRange] }

  /// The host of sent-by as it came; an IPv6 literal with its brackets.
  public var host: ArraySlice<UInt8> { bytes[hostRange] }

  /// The branch as it came.
  public var branch: ArraySlice<UInt8>? { parameters.value("branch") }

  /// Whether the branch is one of RFC 3261: the magic cookie and something behind it.
  public var hasMagicCookie: Bool {
    guard let branch, branch.count > 7 else { return false }
    return branch.prefix(7).equalsIgnoringCase("z9hG4bK")
  }

  /// The `received` parameter: an address, IPv6 without brackets (RFC 5118 section 4.5 says to take both).
  public var received: ArraySlice<UInt8>? {
    guard let value = parameters.value("received") else { return nil }
    guard value.first == UInt8(ascii: "["), value.last == UInt8(ascii: "]") else { return value }
    return value.dropFirst().dropLast()
  }

  /// The `rport` parameter. A value that is no port is as if it was not there.
  public var rport: RPort {
    guard parameters.contains("rport") else { return .absent }
    guard let value = parameters.value("rport") else { return .requested }
    guard let number = decimal(bytes, value.indices), number > 0, number <= 65_535 else { return .absent }
    return .value(UInt16(number))
  }

  /// The `ttl` parameter, 0...255.
  public var ttl: UInt8? {
    guard let value = parameters.value("ttl"), let number = decimal(bytes, value.indices) else { return nil }
    return number <= 255 ? UInt8(number) : nil
  }

  /// The `maddr` parameter.
  public var maddr: ArraySlice<UInt8>? { parameters.value("maddr") }
}
