/// What is known of where a request came from, to be noted in its topmost Via (RFC 3261 section 18.2.1, RFC 3581).
public struct SIPSource: Sendable, Hashable {
  /// The source address as text, IPv6 without brackets.
  public var address: String
  /// The source port.
  public var port: UInt16

  /// Makes a source.
  public init(address: String, port: UInt16) {
    self.address = address
    self.port = port
  }
}

extension SIPMessage {
  /// Writes a response to this request: all Via, From, To, Call-ID and CSeq are copied as they stand
  /// (RFC 3261 section 8.2.6), in the order of the request.
  /// - Parameters:
  ///   - status: 100...699.
  ///   - reason: nil takes the phrase of the RFC.
  ///   - toTag: added to To when To has no tag; nil adds none (right for a 100 only).
  ///   - source: when given, `received` and `rport` are written into the topmost Via.
  ///   - headers: further header lines.
  ///   - body: the body; give Content-Type in `headers`.
  public func response(
    status: Int,
    reason: String? = nil,
    toTag: [UInt8]? = nil,
    source: SIPSource? = nil,
    headers: SIPHeaderBlock = SIPHeaderBlock(),
    body: ArraySlice<UInt8> = []
  ) throws(SIPWriteError) -> [UInt8] {
    let capacity = headersEnd + headers.bytes.count + body.count + 64
    var writer = try SIPMessageWriter(status: status, reason: reason, capacity: capacity)
    var isTopVia = true
    // What may stand once is copied once: a request that has it twice is refused, and must not make us say it twice.
    var copied: UInt64 = 0
    for field in fields {
      switch field.name {
      case .to, .from, .callID, .cseq:
        let bit = UInt64(1) << UInt64(field.name.rawValue)
        guard copied & bit == 0 else { continue }
        copied |= bit
      default: break
      }
      switch field.name {
      case .via:
        if isTopVia, let source {
          writer.addRaw(.via, try viaNoting(source, field.range)[...])
        } else {
          writer.addRaw(.via, bytes[field.range])
        }
        isTopVia = false
      case .to:
        try writer.addTo(bytes, field.range, tag: toTag)
      case .from, .callID, .cseq:
        writer.addRaw(field.name, bytes[field.range])
      case .timestamp where status == 100:
        // RFC 3261 section 8.2.6.1.
        writer.addRaw(field.name, bytes[field.range])
      default: break
      }
    }
    writer.add(headers)
    return writer.finish(body: body)
  }

  /// The value of a Via field, of which the first Via got `received` and `rport`. A Via that cannot be parsed is
  /// copied as it is.
  func viaNoting(_ source: SIPSource, _ field: Range<Int>) throws(SIPWriteError) -> [UInt8] {
    let end = SIPHeaderValues.Iterator.endOfValue(
      bytes.span,
      field.lowerBound,
      field.upperBound,
      comments: false
    )
    let parsed: Via
    do throws(SIPParseError) {
      parsed = try Via(bytes, field.lowerBound..<end)
    } catch {
      return Array(bytes[field])
    }
    let wantsPort = parsed.parameters.contains("rport")
    let isSameHost =
      parsed.host.equalsIgnoringCase(source.address) || parsed.bracketless.equalsIgnoringCase(source.address)
    // RFC 3581 section 4: with rport, received is always written, also when it is the same.
    if !wantsPort, isSameHost { return Array(bytes[field]) }
    for byte in source.address.utf8 where SIPHeaderBlock.isBreak(byte) { throw .lineBreak }
    var value: [UInt8] = []
    value.reserveCapacity(field.count + 64)
    value.append(contentsOf: bytes[field.lowerBound..<parsed.parameters.range.lowerBound])
    for parameter in parsed.parameters
    where !parameter.name.equalsIgnoringCase("received") && !parameter.name.equalsIgnoringCase("rport") {
      value.append(UInt8(ascii: ";"))
      value.append(contentsOf: parameter.name)
      if let text = parameter.value {
        value.append(UInt8(ascii: "="))
        value.append(contentsOf: text)
      }
    }
    value.append(contentsOf: ";received=".utf8)
    value.append(contentsOf: source.address.utf8)
    if wantsPort {
      value.append(contentsOf: ";rport=".utf8)
      value.append(decimal: UInt64(source.port))
    }
    value.append(contentsOf: bytes[end..<field.upperBound])
    return value
  }
}

extension Via {
  /// The host without the brackets of an IPv6 literal.
  public var bracketless: ArraySlice<UInt8> {
    host.first == UInt8(ascii: "[") ? host.dropFirst().dropLast() : host
  }
}

extension SIPMessageWriter {
  /// Writes To with a tag, when it has none.
  fileprivate mutating func addTo(_ bytes: [UInt8], _ range: Range<Int>, tag: [UInt8]?) throws(SIPWriteError)
  {
    guard let tag else { return addRaw(.to, bytes[range]) }
    guard !tag.isEmpty, tag.allSatisfy(isTokenByte) else { throw .badName }
    var hasTag = false
    do throws(SIPParseError) {
      hasTag = try NameAddress(bytes, range, header: .to).parameters.contains("tag")
    } catch {
      // A To that cannot be parsed is answered as it came.
      hasTag = true
    }
    guard !hasTag else { return addRaw(.to, bytes[range]) }
    addRaw(.to, bytes[range], ";tag=", tag)
  }
}
