/// The timers of RFC 3261 section 17 and RFC 6026, in milliseconds.
public struct TimerValues: Sendable, Hashable {
  /// Round-trip estimate; the first retransmission comes after it.
  public var t1: Int64
  /// The longest interval between retransmissions of non-INVITE requests and of responses to INVITE.
  public var t2: Int64
  /// How long a message may live in the network.
  public var t4: Int64

  /// Makes timer values; the defaults are those of the RFC.
  public init(t1: Int64 = 500, t2: Int64 = 4_000, t4: Int64 = 5_000) {
    self.t1 = t1
    self.t2 = t2
    self.t4 = t4
  }

  /// Timers B, F, H, J, L and M, and D at least: 64 times T1.
  public var life: Int64 { 64 &* t1 }

  /// Timer D: how long an INVITE client waits for repeats of the final response; at least 32 s.
  public var timerD: Int64 { max(32_000, life) }

  /// Timer C of a proxy: more than three minutes (RFC 3261 section 16.6 step 11).
  public static let timerC: Int64 = 181_000
}

/// Which timer of a transaction. A shell has at most one running per name and transaction.
public enum TimerName: Sendable, Hashable, CaseIterable {
  /// A and E: send the request again. G: send the final response again.
  case retransmit
  /// B and F: give up waiting for a response. H: give up waiting for an ACK.
  case giveUp
  /// D, I, J, K, L and M: forget the transaction.
  case end
}

/// Whether the transport delivers by itself.
public enum TransportKind: Sendable, Hashable {
  /// UDP.
  case unreliable
  /// TCP, TLS, SCTP.
  case reliable
}
