/// The client transaction of all methods but INVITE and ACK (RFC 3261 section 17.1.2).
public struct NonInviteClientTransaction: ~Copyable, Sendable {
  /// Where it is.
  public enum Phase: Sendable, Hashable {
    /// Sent, nothing heard. Goes to `proceeding`, `completed`, `terminated`.
    case trying
    /// A provisional response came. Goes to `completed`, `terminated`.
    case proceeding
    /// The final response came; its repeats are taken in. Goes to `terminated`.
    case completed
    /// Nothing more happens; drop it.
    case terminated
  }

  private enum State: ~Copyable {
    case trying(interval: Int64)
    case proceeding
    case completed
    case terminated
  }

  private var state: State
  private let setup: TransactionSetup

  /// What to do at the start: send the request and start timers E (when unreliable) and F.
  public struct StartAction: Sendable, Hashable {
    /// The request.
    public var send: [UInt8]
    /// Timer E.
    public var retransmitAfter: Int64?
    /// Timer F.
    public var giveUpAfter: Int64
  }

  /// Makes a transaction for a request; `start` sends it.
  public init(request: [UInt8], transport: TransportKind, timers: TimerValues = TimerValues()) {
    setup = TransactionSetup(request: request, transport: transport, timers: timers)
    state = .trying(interval: timers.t1)
  }

  private init(_ state: consuming State, _ setup: TransactionSetup) {
    self.state = state
    self.setup = setup
  }

  /// Where it is.
  public var phase: Phase {
    switch state {
    case .trying: return .trying
    case .proceeding: return .proceeding
    case .completed: return .completed
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
    /// Provisional: pass it to the user.
    case pass
    /// Final: pass it to the user, stop timers E and F and start timer K.
    case passFinal(endAfter: Int64)
    /// Final: pass it to the user and drop the transaction.
    case passAndTerminate
    /// A repeat.
    case ignore
  }

  /// A response came.
  public mutating func responseReceived(status: Int) -> ResponseAction {
    let setup = self.setup
    switch consume self.state {
    case .trying(let interval):
      self = Self(.trying(interval: interval), setup)
      return pass(status)
    case .proceeding:
      self = Self(.proceeding, setup)
      return pass(status)
    case .completed:
      self = Self(.completed, setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  private mutating func pass(_ status: Int) -> ResponseAction {
    if status < 200 {
      self = Self(.proceeding, setup)
      return .pass
    }
    guard setup.transport == .unreliable else {
      self = Self(.terminated, setup)
      return .passAndTerminate
    }
    self = Self(.completed, setup)
    return .passFinal(endAfter: setup.timers.t4)
  }

  /// What to do when a timer fired.
  public enum TimerAction: Sendable, Hashable {
    /// Send the request again and start timer E anew.
    case retransmit([UInt8], again: Int64)
    /// No final response came: tell the user (as a 408) and drop the transaction.
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
    case .trying(let interval):
      switch name {
      case .retransmit where setup.transport == .unreliable:
        let next = min(interval &* 2, setup.timers.t2)
        self = Self(.trying(interval: next), setup)
        return .retransmit(setup.request, again: next)
      case .giveUp:
        self = Self(.terminated, setup)
        return .giveUp
      case .retransmit, .end:
        self = Self(.trying(interval: interval), setup)
        return .ignore
      }
    case .proceeding:
      switch name {
      case .retransmit where setup.transport == .unreliable:
        self = Self(.proceeding, setup)
        return .retransmit(setup.request, again: setup.timers.t2)
      case .giveUp:
        self = Self(.terminated, setup)
        return .giveUp
      case .retransmit, .end:
        self = Self(.proceeding, setup)
        return .ignore
      }
    case .completed:
      guard name == .end else {
        self = Self(.completed, setup)
        return .ignore
      }
      self = Self(.terminated, setup)
      return .terminate
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  /// The transport failed: tell the user (as a 503), unless the final response has come.
  public mutating func transportFailed() -> TimerAction {
    let setup = self.setup
    switch consume self.state {
    case .trying:
      self = Self(.terminated, setup)
      return .giveUp
    case .proceeding:
      self = Self(.terminated, setup)
      return .giveUp
    case .completed:
      self = Self(.completed, setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }
}
