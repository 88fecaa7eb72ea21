/// The CSeq of a message.
public struct CSeq: Sendable, Hashable {
  /// The sequence number.
  public var number: UInt32
  /// The method, `.other` when we do not know it.
  public var method: SIPMethod

  /// Makes a CSeq.
  public init(number: UInt32, method: SIPMethod) {
    self.number = number
    self.method = method
  }
}
