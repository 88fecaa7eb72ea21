/// The INVITE server transaction (RFC 3261 section 17.2.1 with the `accepted` state of RFC 6026).
public struct InviteServerTransaction: ~Copyable, Sendable {
  /// Where it is.
  public enum Phase: Sendable, Hashable {
    /// Provisional responses. Goes to `completed`, `accepted`, `terminated`.
    case proceeding
    /// A final response of 300 to 699 was sent, and is sent again until the ACK. Goes to `confirmed`, `terminated`.
    case completed
    /// The ACK came; its repeats are taken in. Goes to `terminated`.
    case confirmed
    /// A 2xx was sent; repeats of the INVITE are taken in, the user sends the 2xx again. Goes to `terminated`.
    case accepted
    /// Nothing more happens; drop it.
    case terminated
  }

  private enum State: ~Copyable {
    case proceeding(last: [UInt8]?)
    case completed(final: [UInt8], interval: Int64)
    case confirmed
    case accepted
    case terminated
  }

  private var state: State
  private let setup: TransactionSetup

  /// Begins with the INVITE, which the shell passes to its user; the user sends 100 when it will take over 200 ms.
  public init(transport: TransportKind, timers: TimerValues = TimerValues()) {
    setup = TransactionSetup(transport: transport, timers: timers)
    state = .proceeding(last: nil)
  }

  private init(_ state: consuming State, _ setup: TransactionSetup) {
    self.state = state
    self.setup = setup
  }

  /// Where it is.
  public var phase: Phase {
    switch state {
    case .proceeding: return .proceeding
    case .completed: return .completed
    case .confirmed: return .confirmed
    case .accepted: return .accepted
    case .terminated: return .terminated
    }
  }

  /// What to do with an INVITE that came again.
  public enum RetransmissionAction: Sendable, Hashable {
    /// Send this response again.
    case send([UInt8])
    /// Nothing.
    case ignore
  }

  /// The INVITE came again.
  public mutating func requestRepeated() -> RetransmissionAction {
    let setup = self.setup
    switch consume self.state {
    case .proceeding(let last):
      self = Self(.proceeding(last: last), setup)
      return last.map { .send($0) } ?? .ignore
    case .completed(let final, let interval):
      self = Self(.completed(final: final, interval: interval), setup)
      return .send(final)
    case .confirmed:
      self = Self(.confirmed, setup)
      return .ignore
    case .accepted:
      self = Self(.accepted, setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  /// What to do with a response of the user.
  public enum ResponseAction: Sendable, Hashable {
    /// Send it.
    case send([UInt8])
    /// Send it and start these timers: G (when unreliable) and H.
    case sendFinal([UInt8], retransmitAfter: Int64?, giveUpAfter: Int64)
    /// Send it; start timer L when this is its first 2xx.
    case sendAccepted([UInt8], endAfter: Int64?)
    /// Too late: there was a final response.
    case ignore
  }

  /// The user answers.
  /// - Parameter status: of the response.
  public mutating func respond(_ response: [UInt8], status: Int) -> ResponseAction {
    let setup = self.setup
    switch consume self.state {
    case .proceeding:
      if status < 200 {
        self = Self(.proceeding(last: response), setup)
        return .send(response)
      }
      if status < 300 {
        self = Self(.accepted, setup)
        return .sendAccepted(response, endAfter: setup.timers.life)
      }
      self = Self(.completed(final: response, interval: setup.timers.t1), setup)
      let interval = setup.transport == .unreliable ? setup.timers.t1 : nil
      return .sendFinal(response, retransmitAfter: interval, giveUpAfter: setup.timers.life)
    case .accepted:
      self = Self(.accepted, setup)
      // Further 2xx of a forked INVITE and their repeats pass; nothing else does.
      return (200...299).contains(status) ? .sendAccepted(response, endAfter: nil) : .ignore
    case .completed(let final, let interval):
      self = Self(.completed(final: final, interval: interval), setup)
      return .ignore
    case .confirmed:
      self = Self(.confirmed, setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  /// What to do with an ACK.
  public enum ACKAction: Sendable, Hashable {
    /// Stop timers G and H and start timer I.
    case confirm(endAfter: Int64)
    /// Stop timers G and H and drop the transaction.
    case terminate
    /// It belongs to a 2xx: pass it to the user.
    case pass
    /// Nothing.
    case ignore
  }

  /// The ACK came.
  public mutating func ackReceived() -> ACKAction {
    let setup = self.setup
    switch consume self.state {
    case .completed:
      guard setup.transport == .unreliable else {
        self = Self(.terminated, setup)
        return .terminate
      }
      self = Self(.confirmed, setup)
      return .confirm(endAfter: setup.timers.t4)
    case .accepted:
      self = Self(.accepted, setup)
      return .pass
    case .confirmed:
      self = Self(.confirmed, setup)
      return .ignore
    case .proceeding(let last):
      self = Self(.proceeding(last: last), setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  /// What to do when a timer fired.
  public enum TimerAction: Sendable, Hashable {
    /// Send the final response again and start timer G anew.
    case retransmit([UInt8], again: Int64)
    /// The ACK never came: tell the user and drop the transaction.
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
    case .completed(let final, let interval):
      switch name {
      case .retransmit where setup.transport == .unreliable:
        let next = min(interval &* 2, setup.timers.t2)
        self = Self(.completed(final: final, interval: next), setup)
        return .retransmit(final, again: next)
      case .giveUp:
        self = Self(.terminated, setup)
        return .giveUp
      case .retransmit, .end:
        self = Self(.completed(final: final, interval: interval), setup)
        return .ignore
      }
    case .confirmed:
      guard name == .end else {
        self = Self(.confirmed, setup)
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
    case .proceeding(let last):
      self = Self(.proceeding(last: last), setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  /// The transport failed: tell the user (RFC 3261 section 17.2.4) and drop the transaction. Not while `accepted`,
  /// where the user sends the 2xx (RFC 6026 section 7.1).
  public mutating func transportFailed() -> TimerAction {
    let setup = self.setup
    switch consume self.state {
    case .accepted:
      self = Self(.accepted, setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    case .proceeding:
      self = Self(.terminated, setup)
      return .giveUp
    case .completed:
      self = Self(.terminated, setup)
      return .giveUp
    case .confirmed:
      self = Self(.terminated, setup)
      return .giveUp
    }
  }
}
