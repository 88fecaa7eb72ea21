import SIPMessage

/// The requests that a client makes from its own INVITE.
public enum DerivedRequest {
  /// The ACK for a final response of 300 to 699 (RFC 3261 section 17.1.1.3): Request-URI, topmost Via, From, Call-ID,
  /// CSeq number and Route of the INVITE, To of the response.
  public static func ack(
    for invite: SIPMessage,
    response: SIPMessage
  ) throws(SIPWriteError) -> [UInt8] {
    guard let to = response.header(.to) else { throw .missing(.to) }
    return try write("ACK", invite, to: to)
  }

  /// The CANCEL of an INVITE (RFC 3261 section 9.1).
  public static func cancel(for invite: SIPMessage) throws(SIPWriteError) -> [UInt8] {
    guard let to = invite.header(.to) else { throw .missing(.to) }
    return try write("CANCEL", invite, to: to)
  }

  private static func write(
    _ method: String,
    _ invite: SIPMessage,
    to: ArraySlice<UInt8>
  ) throws(SIPWriteError) -> [UInt8] {
    var vias = invite.values(of: .via).makeIterator()
    guard let via = vias.next() else { throw .missing(.via) }
    guard let from = invite.header(.from) else { throw .missing(.from) }
    guard let callID = invite.header(.callID) else { throw .missing(.callID) }
    let number: UInt32
    do throws(SIPParseError) {
      number = try invite.cseq.number
    } catch {
      throw .malformed(.cseq)
    }
    var writer = try SIPMessageWriter(method: method, uri: invite.requestURIBytes)
    try writer.add(.via, unfolded(via))
    for route in invite.headers(.route) { try writer.add(.route, unfolded(route)) }
    writer.add(.maxForwards, 70)
    try writer.add(.from, unfolded(from))
    try writer.add(.to, unfolded(to))
    try writer.add(.callID, unfolded(callID))
    try writer.add(.cseq, "\(number) \(method)")
    return writer.finish()
  }

  private static func unfolded(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard value.contains(where: { $0 == 0x0D || $0 == 0x0A }) else { return value }
    return value.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }[...]
  }
}
