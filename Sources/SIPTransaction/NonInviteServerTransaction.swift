/// The server transaction of all methods but INVITE and ACK (RFC 3261 section 17.2.2).
public struct NonInviteServerTransaction: ~Copyable, Sendable {
  /// Where it is.
  public enum Phase: Sendable, Hashable {
    /// No response yet. Goes to `proceeding`, `completed`, `terminated`.
    case trying
    /// A provisional response was sent. Goes to `completed`, `terminated`.
    case proceeding
    /// The final response was sent. Goes to `terminated`.
    case completed
    /// Nothing more happens; drop it.
    case terminated
  }

  private enum State: ~Copyable {
    case trying
    case proceeding(last: [UInt8])
    case completed(final: [UInt8])
    case terminated
  }

  private var state: State
  private let setup: TransactionSetup

  /// Begins with the request, which the shell passes to its user.
  public init(transport: TransportKind, timers: TimerValues = TimerValues()) {
    setup = TransactionSetup(transport: transport, timers: timers)
    state = .trying
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

  /// What to do with a request that came again.
  public enum RetransmissionAction: Sendable, Hashable {
    /// Send this response again.
    case send([UInt8])
    /// Nothing: the user has not answered yet, or it is over.
    case ignore
  }

  /// The request came again.
  public mutating func requestRepeated() -> RetransmissionAction {
    let setup = self.setup
    switch consume self.state {
    case .trying:
      self = Self(.trying, setup)
      return .ignore
    case .proceeding(let last):
      self = Self(.proceeding(last: last), setup)
      return .send(last)
    case .completed(let final):
      self = Self(.completed(final: final), setup)
      return .send(final)
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  /// What to do with a response of the user.
  public enum ResponseAction: Sendable, Hashable {
    /// Send it.
    case send([UInt8])
    /// Send it, and call `timerFired` after this many milliseconds (timer J).
    case sendAndStart([UInt8], TimerName, after: Int64)
    /// Send it and drop the transaction.
    case sendAndTerminate([UInt8])
    /// Too late: there was a final response.
    case ignore
  }

  /// The user answers.
  /// - Parameter status: of the response; under 200 is provisional.
  public mutating func respond(_ response: [UInt8], status: Int) -> ResponseAction {
    let setup = self.setup
    switch consume self.state {
    case .trying:
      self = Self(.trying, setup)
      return send(response, status)
    case .proceeding(let last):
      self = Self(.proceeding(last: last), setup)
      return send(response, status)
    case .completed(let final):
      self = Self(.completed(final: final), setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  private mutating func send(_ response: [UInt8], _ status: Int) -> ResponseAction {
    if status < 200 {
      self = Self(.proceeding(last: response), setup)
      return .send(response)
    }
    guard setup.transport == .unreliable else {
      // Timer J is 0 on a reliable transport.
      self = Self(.terminated, setup)
      return .sendAndTerminate(response)
    }
    self = Self(.completed(final: response), setup)
    return .sendAndStart(response, .end, after: setup.timers.life)
  }

  /// What to do at the end.
  public enum EndAction: Sendable, Hashable {
    /// Drop the transaction.
    case terminate
    /// Nothing.
    case ignore
  }

  /// A timer fired.
  public mutating func timerFired(_ name: TimerName) -> EndAction {
    let setup = self.setup
    switch consume self.state {
    case .completed(let final):
      guard name == .end else {
        self = Self(.completed(final: final), setup)
        return .ignore
      }
      self = Self(.terminated, setup)
      return .terminate
    case .trying:
      self = Self(.trying, setup)
      return .ignore
    case .proceeding(let last):
      self = Self(.proceeding(last: last), setup)
      return .ignore
    case .terminated:
      self = Self(.terminated, setup)
      return .ignore
    }
  }

  /// The transport failed: the response cannot be sent.
  public mutating func transportFailed() -> EndAction {
    let isOver = phase == .terminated
    self = Self(.terminated, setup)
    return isOver ? .ignore : .terminate
  }
}
