import SIPMessage

/// One contact of one user.
public struct Binding: Sendable, Hashable {
  /// The contact URI as it came, without brackets.
  public var contact: [UInt8] {
    get { Array(contactBytes) }
    set { contactBytes = newValue[...] }
  }
  /// The Contact parameters as they came, from the first `;`, without `expires`: q, +sip.instance, reg-id and all others.
  public var parameters: [UInt8] {
    get { Array(parametersBytes) }
    set { parametersBytes = newValue[...] }
  }
  /// `q` in thousandths; 1,000 when the contact has none.
  public var q: Int
  /// Whether it is known by its instance and reg-id and not by its URI (RFC 5626 section 6).
  public var isOutbound: Bool
  /// The Call-ID of the REGISTER that wrote it last.
  public var callID: [UInt8] {
    get { Array(callIDBytes) }
    set { callIDBytes = newValue[...] }
  }
  /// The CSeq number of that REGISTER.
  public var cseq: UInt32
  /// When it ends, in milliseconds of pool time.
  public var expiresAt: Int64
  /// When it was written last, in milliseconds of pool time.
  public var updatedAt: Int64
  /// The Path values, topmost first (RFC 3327).
  public var paths: [[UInt8]]
  /// Where the REGISTER came from, such as `udp:192.0.2.1:5060`.
  public var source: [UInt8] {
    get { Array(sourceBytes) }
    set { sourceBytes = newValue[...] }
  }
  /// Server and flow that the client is reached through; opaque here.
  public var flow: [UInt8] {
    get { Array(flowBytes) }
    set { flowBytes = newValue[...] }
  }
  /// Fields of a later version, kept for it.
  var unknown: [UInt8] = []
  // Slices of the record or the request that they were read from: to copy each out would cost more than to read it.
  var contactBytes: ArraySlice<UInt8>
  var parametersBytes: ArraySlice<UInt8>
  var callIDBytes: ArraySlice<UInt8>
  var sourceBytes: ArraySlice<UInt8>
  var flowBytes: ArraySlice<UInt8>

  /// Makes a binding.
  public init(
    contact: [UInt8],
    parameters: [UInt8] = [],
    q: Int = 1_000,
    isOutbound: Bool = false,
    callID: [UInt8],
    cseq: UInt32,
    expiresAt: Int64,
    updatedAt: Int64,
    paths: [[UInt8]] = [],
    source: [UInt8] = [],
    flow: [UInt8] = []
  ) {
    self.init(
      contact: contact[...],
      parameters: parameters[...],
      q: q,
      isOutbound: isOutbound,
      callID: callID[...],
      cseq: cseq,
      expiresAt: expiresAt,
      updatedAt: updatedAt,
      paths: paths,
      source: source[...],
      flow: flow[...]
    )
  }

  init(
    contact: ArraySlice<UInt8>,
    parameters: ArraySlice<UInt8> = [],
    q: Int = 1_000,
    isOutbound: Bool = false,
    callID: ArraySlice<UInt8>,
    cseq: UInt32,
    expiresAt: Int64,
    updatedAt: Int64,
    paths: [[UInt8]] = [],
    source: ArraySlice<UInt8> = [],
    flow: ArraySlice<UInt8> = []
  ) {
    contactBytes = contact
    parametersBytes = parameters
    self.q = q
    self.isOutbound = isOutbound
    callIDBytes = callID
    self.cseq = cseq
    self.expiresAt = expiresAt
    self.updatedAt = updatedAt
    self.paths = paths
    sourceBytes = source
    flowBytes = flow
  }

  /// Whether it still counts.
  public func isLive(at now: Int64) -> Bool { expiresAt > now }

  /// The seconds it has left, rounded up, so that a live binding never shows 0.
  public func secondsLeft(at now: Int64) -> UInt64 {
    let (left, overflow) = expiresAt.subtractingReportingOverflow(now)
    guard !overflow, left > 0 else { return 0 }
    return UInt64((left - 1) / 1_000 + 1)
  }

  /// The value of a Contact parameter, without quotes.
  public func parameter(_ name: String) -> [UInt8]? {
    guard !parametersBytes.isEmpty else { return nil }
    // The parameters alone are no address; give them one.
    let text = Array("<sip:x>".utf8) + parametersBytes
    do throws(SIPParseError) {
      return try NameAddress(parsing: text[...]).parameters.unquotedValue(name)
    } catch {
      return nil
    }
  }

  /// The instance of the device, such as `<urn:uuid:...>` (RFC 5626).
  public var instance: [UInt8]? { parameter("+sip.instance") }

  /// The reg-id of the flow (RFC 5626).
  public var regID: [UInt8]? { parameter("reg-id") }

  /// The Contact value as a 200 shows it.
  public func contactValue(at now: Int64) -> [UInt8] {
    var value: [UInt8] = []
    value.reserveCapacity(contactBytes.count + parametersBytes.count + 24)
    appendContactValue(at: now, to: &value)
    return value
  }

  /// The same, behind what is there.
  func appendContactValue(at now: Int64, to value: inout [UInt8]) {
    value.append(UInt8(ascii: "<"))
    value.append(contentsOf: contactBytes)
    value.append(UInt8(ascii: ">"))
    value.append(contentsOf: parametersBytes)
    value.append(contentsOf: ";expires=".utf8)
    value.append(contentsOf: String(secondsLeft(at: now)).utf8)
  }
}
