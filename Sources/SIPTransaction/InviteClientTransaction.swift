/// The INVITE client transaction (RFC 3261 section 17.1.1 with the `accepted` state of RFC 6026).
public struct InviteClientTransaction: ~Copyable, Sendable {
  /// Where it is.
  public enum Phase: Sendable, Hashable {
    /// Sent, nothing heard. Goes to all others but itself.
    case calling
    /// A provisional response came. Goes to `completed`, `accepted`, `terminated`.
    case proceeding
    /// A final response of 300 to 699 came and was acknowledged; repeats are acknowledged again. Goes to `terminated`.
    case completed
    /// A 2xx came; the user acknowledges it and its repeats. Goes to `terminated`.
    case accepted
    /// Nothing more happens; drop it.
    case terminated
  }

  private enum State: ~Copyable {
    case calling(interval: Int64)
    case proceeding
    case completed(ack: [UInt8])
    case accepted
    case terminated
  }

  private var state: State
  private let setup: TransactionSetup

  /// What to do at the start: send the request and start timers A (when unreliable) and B.
  public struct StartAction: Sendable, Hashable {
    /// The INVITE.
    public var send: [UInt8]
    /// Timer A.
    public var retransmitAfter: Int64?
    /// Timer B.
    public var giveUpAfter: Int64
  }

  /// Makes a transaction for an INVITE; `start` sends it.
  public init(request: [UInt8], transport: TransportKind, timers: TimerValues = TimerValues()) {
    setup = TransactionSetup(request: request, transport: transport, timers: timers)
    state = .calling(interval: timers.t1)
  }

  private init(_ state: consuming State, _ setup: TransactionSetup) {
    self.state = state
    self.setup = setup
  }

  /// Where it is.
  public var phase: Phase {
    switch state {
    case .calling: return .calling
    case .proceeding: return .proceeding
    case .completed: return .completed
    case .accepted: return .accepted
    case .terminated: return .terminated
    }
  }

  /// What to do at the start.
  public var start: StartAction {
    StartAction(
      send: setup.request,
      retransmitAfter: setup.transport == .unreliable ? setup.timers.t1 : nil,
      giveUpAfter: setup.timers.life
    )
  }

  /// What to do with a response.
  public enum ResponseAction: Sendable, Hashable {
    /// Provisional: pass it to the user and stop timers A and B.
    case pass
    /// 2xx: pass it to the user; start timer M when it is the first.
    case passAccepted(endAfter: Int64?)
    /// 300 to 699: pass it to the user, send this ACK, stop timers A and B; start timer D, or drop the transaction when
    /// it is nil.
    case passAndAcknowledge(ack: [UInt8], endAfter: Int64?)
    /// A repeat of it: send this ACK again.
    case acknowledge([UInt8])
    /// Nothing.
    case ignore
  }

  /// A response came.
  /// - Parameters:
  ///   - status: its status code.
  ///   - ack: the ACK for a final response of 300 to 699, from `DerivedRequest.ack`; it is asked for only then.
  public mutating func responseReceived(status: Int, ack: () -> [UInt8]) -> ResponseAction {
    let setup = self.setup
    switch consume self.state {
    case .calling(let interval):
      self = Self(.calling(interval: interval), setup)
      return pass(status, ack)
    case .proceeding:
      self = Self(.proceeding, setup)
      return pass(status, ack)
    case .completed(let bytes):
      self = Self(.completed(ack: bytes), setup)
      return status >= 300 ? .acknowledge(bytes) : .ignore
    case .accepted:
      self = Self(.accepted, setup)
      return (200...299).contains(status) ? .passAccepted(endAfter: nil) : .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  private mutating func pass(_ status: Int, _ ack: () -> [UInt8]) -> ResponseAction {
    if status < 200 {
      self = Self(.proceeding, setup)
      return .pass
    }
    if status < 300 {
      self = Self(.accepted, setup)
      return .passAccepted(endAfter: setup.timers.life)
    }
    let bytes = ack()
    guard setup.transport == .unreliable else {
      self = Self(.terminated, setup)
      return .passAndAcknowledge(ack: bytes, endAfter: nil)
    }
    self = Self(.completed(ack: bytes), setup)
    return .passAndAcknowledge(ack: bytes, endAfter: setup.timers.timerD)
  }

  /// What to do when a timer fired.
  public enum TimerAction: Sendable, Hashable {
    /// Send the INVITE again and start timer A anew.
    case retransmit([UInt8], again: Int64)
    /// No response came: tell the user (as a 408) and drop the transaction.
    case giveUp
    /// Drop the transaction.
    case terminate
    /// Nothing.
    case ignore
  }

  /// A timer fired.
  public mutating func timerFired(_ name: TimerName) -> TimerAction {
    let setup = self.setup
    switch consume self.state {
    case .calling(let interval):
      switch name {
      case .retransmit where setup.transport == .unreliable:
        // Timer A doubles without the limit of T2; timer B ends it.
        let next = interval > Int64.max / 2 ? interval : interval &* 2
        self = Self(.calling(interval: next), setup)
        return .retransmit(setup.request, again: next)
      case .giveUp:
        self = Self(.terminated, setup)
        return .giveUp
      case .retransmit, .end:
        self = Self(.calling(interval: interval), setup)
        return .ignore
      }
    case .proceeding:
      self = Self(.proceeding, setup)
      return .ignore
    case .completed(let ack):
      guard name == .end else {
        self = Self(.completed(ack: ack), setup)
        return .ignore
      }
      self = Self(.terminated, setup)
      return .terminate
    case .accepted:
      guard name == .end else {
        self = Self(.accepted, setup)
        return .ignore
      }
      self = Self(.terminated, setup)
      return .terminate
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  /// The transport failed, for the INVITE or the ACK: tell the user (as a 503) and drop the transaction.
  public mutating func transportFailed() -> TimerAction {
    let setup = self.setup
    switch consume self.state {
    case .accepted:
      self = Self(.accepted, setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    case .calling:
      self = Self(.terminated, setup)
      return .giveUp
    case .proceeding:
      self = Self(.terminated, setup)
      return .giveUp
    case .completed:
      self = Self(.terminated, setup)
      return .giveUp
    }
  }
}
