/// Where fuzzers enter. Each takes any bytes, must not trap, and says whether what must hold did hold.
public enum FuzzEntry {
  /// A datagram. What parses must parse again, with as many header fields, after it was written by a proxy that changes
  /// nothing, and a response to it must parse.
  public static func message(_ bytes: [UInt8]) -> Bool {
    if let salvaged = SIPMessage(salvaging: bytes) { read(salvaged) }
    do throws(SIPParseError) {
      let message = try SIPMessage(parsing: bytes)
      read(message)
      return isStable(message)
    } catch {
      return true
    }
  }

  /// A stream. It must give the same however it is cut into reads.
  public static func stream(_ bytes: [UInt8]) -> Bool {
    elements(bytes, step: 1) == elements(bytes, step: max(1, bytes.count / 3))
  }

  /// A URI. It must be equal to itself, and its canonical form must be its own canonical form.
  public static func uri(_ bytes: [UInt8]) -> Bool {
    do throws(SIPParseError) {
      let uri = try SIPURI(parsing: bytes[...])
      guard uri.isEquivalent(to: uri) else { return false }
      guard let address = uri.addressOfRecord else { return true }
      return try SIPURI(parsing: address).addressOfRecord == address
    } catch {
      // Only the URI itself may be refused; its canonical form is always a URI.
      return (try? SIPURI(parsing: bytes[...])) == nil
    }
  }

  private static func elements(_ bytes: [UInt8], step: Int) -> [SIPStreamFramer.Element] {
    // Small limits, so that a fuzzer meets them.
    var framer = SIPStreamFramer(limits: SIPLimits(messageBytes: 1_024, headerSectionBytes: 512))
    var result: [SIPStreamFramer.Element] = []
    var at = 0
    while at < bytes.count {
      framer.append(bytes[at..<min(at + step, bytes.count)])
      at += step
      do throws(SIPParseError) {
        while let element = try framer.next() { result.append(element) }
      } catch {
        return result
      }
    }
    return result
  }

  private static func isStable(_ message: SIPMessage) -> Bool {
    do {
      let copy = try SIPMessage(parsing: try SIPForwarding().apply(to: message))
      guard copy.headerCount == message.headerCount, copy.method == message.method else { return false }
      if message.isRequest {
        let source = SIPSource(address: "2001:db8::1", port: 5_061)
        let response = try message.response(status: 200, toTag: Array("tag".utf8), source: source)
        // It may have a header field more than the request: Content-Length.
        _ = try SIPMessage(parsing: response, limits: SIPLimits(headerCount: 300))
      }
      return true
    } catch {
      // Content-Length is kept by a proxy and the copy can be longer than a datagram: no fault of the parser.
      return message.bytes.count > 60_000
    }
  }

  /// Reads every value that there is an accessor for.
  private static func read(_ message: SIPMessage) {
    for name in SIPHeaderName.allCases { for value in message.values(of: name) { _ = value.count } }
    _ = (
      message.expires, message.contentLength, message.requires, message.proxyRequires,
      message.supports("path")
    )
    do throws(SIPParseError) {
      for via in try message.vias { _ = (via.branch, via.received, via.rport, via.ttl) }
    } catch {}
    do throws(SIPParseError) { _ = try message.cseqMatchesMethod } catch {}
    do throws(SIPParseError) { _ = try message.requestURI.addressOfRecord } catch {}
    do throws(SIPParseError) { _ = try message.maxForwards } catch {}
    do throws(SIPParseError) { _ = try message.to.uri.addressOfRecord } catch {}
    do throws(SIPParseError) { _ = try message.from.tag } catch {}
    for name in [SIPHeaderName.route, .recordRoute, .path] {
      do throws(SIPParseError) {
        for address in try message.addresses(name) { _ = address.displayName }
      } catch {}
    }
    do throws(SIPParseError) {
      guard case .contacts(let contacts) = try message.contacts() else { return }
      for contact in contacts { _ = contact.uri.isEquivalent(to: contact.uri) }
    } catch {}
  }
}
