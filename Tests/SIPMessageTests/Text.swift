import SIPMessage

/// Text with LF line ends as the bytes of a message with CRLF line ends.
func wire(_ text: String) -> [UInt8] {
  var result: [UInt8] = []
  for byte in text.utf8 {
    if byte == 0x0A { result.append(0x0D) }
    result.append(byte)
  }
  return result
}

/// A small generator, so that a failure can be run again from its seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension [UInt8] {
  var text: String { String(decoding: self, as: UTF8.self) }
}

/// Calls everything that looks into a message, as a shell may. It must not trap, whatever the message is.
func touch(_ message: SIPMessage) {
  _ = try? message.requestURI.isEquivalent(to: SIPURI(parsing: "sip:a@b;x=1"))
  _ = try? message.requestURI.addressOfRecord
  _ = try? message.cseq
  _ = try? message.cseqMatchesMethod
  _ = try? message.callID
  _ = try? message.maxForwards
  _ = message.expires
  _ = message.contentLength
  if let vias = try? message.vias {
    for via in vias {
      _ = (
        via.branch, via.received, via.rport, via.ttl, via.maddr, via.transport, via.host, via.port,
        via.bracketless
      )
      _ = via.hasMagicCookie
    }
  }
  for address in [try? message.from, try? message.to] {
    _ = (address?.tag, address?.displayName)
    if let uri = try? address?.uri { _ = (uri.addressOfRecord, uri.isEquivalent(to: uri)) }
  }
  if case .contacts(let contacts)? = try? message.contacts() {
    for contact in contacts {
      _ = contact.uri.isEquivalent(to: contact.uri)
      for parameter in contact.address.parameters { _ = (parameter.name, parameter.value) }
    }
  }
  _ = (try? message.routes, try? message.recordRoutes, try? message.paths)
  _ = (message.requires, message.proxyRequires, message.supports("path"))
  for name in SIPHeaderName.allCases { for value in message.values(of: name) { _ = value.text } }
  let source = SIPSource(address: "2001:db8::1", port: 5061)
  _ = try? message.response(status: 200, toTag: Array("tag".utf8), source: source)
  var forwarding = SIPForwarding()
  forwarding.source = source
  forwarding.decrementsMaxForwards = true
  forwarding.removedRoutes = 2
  _ = try? forwarding.apply(to: message)
  forwarding.removesTopVia = true
  _ = try? forwarding.apply(to: message)
  _ = message.statelessToTag(key: .init(low: 1, high: 2))
}
