/// What a message may cost us. Everything over a limit is refused before it is stored.
public struct SIPLimits: Sendable, Hashable {
  /// The largest message in bytes, body included.
  public var messageBytes: Int
  /// The longest start line in bytes.
  public var startLineBytes: Int
  /// The largest header section in bytes (what a stream may send before its empty line).
  public var headerSectionBytes: Int
  /// The most header fields.
  public var headerCount: Int
  /// The longest header field in bytes, folds included.
  public var headerBytes: Int
  /// The most Contact values in one request.
  public var contacts: Int

  /// Makes limits; the defaults are those of a datagram.
  public init(
    messageBytes: Int = 65_535,
    startLineBytes: Int = 8_192,
    headerSectionBytes: Int = 65_535,
    headerCount: Int = 256,
    headerBytes: Int = 16_384,
    contacts: Int = 32
  ) {
    self.messageBytes = messageBytes
    self.startLineBytes = startLineBytes
    self.headerSectionBytes = headerSectionBytes
    self.headerCount = headerCount
    self.headerBytes = headerBytes
    self.contacts = contacts
  }

  /// For UDP: nothing larger than a datagram.
  public static let datagram = SIPLimits()

  /// For TCP and TLS: 64 KiB a message, 32 KiB of it header fields.
  public static let stream = SIPLimits(messageBytes: 65_536, headerSectionBytes: 32_768)
}
