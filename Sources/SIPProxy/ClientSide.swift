import SIPTransaction

/// The client transaction of a branch or of its CANCEL, of either kind, with its timers.
struct ClientSide: ~Copyable {
  private var machine: ClientMachine
  private(set) var timers = RunningTimers()

  /// Starts it; the request is to be sent now.
  init(
    _ request: [UInt8],
    isInvite: Bool,
    transport: TransportKind,
    timers values: TimerValues,
    at now: Int64
  ) {
    if isInvite {
      let invite = InviteClientTransaction(request: request, transport: transport, timers: values)
      let start = invite.start
      timers.retransmit = start.retransmitAfter.map { now &+ $0 }
      timers.giveUp = now &+ start.giveUpAfter
      machine = .invite(invite)
    } else {
      let other = NonInviteClientTransaction(request: request, transport: transport, timers: values)
      let start = other.start
      timers.retransmit = start.retransmitAfter.map { now &+ $0 }
      timers.giveUp = now &+ start.giveUpAfter
      machine = .other(other)
    }
  }

  var isTerminated: Bool { machine.isTerminated }

  /// What a response is.
  struct Receipt {
    /// Whether it is new to the user.
    var isPassed = false
    /// An ACK to send.
    var ack: [UInt8]?
  }

  /// A response came.
  mutating func responseReceived(status: Int, at now: Int64, ack: () -> [UInt8]) -> Receipt {
    machine.responseReceived(status: status, at: now, ack: ack, &timers)
  }

  /// What a timer brings.
  enum Firing {
    /// Send the request again.
    case send([UInt8])
    /// No answer came.
    case timedOut
    /// Nothing.
    case nothing
  }

  /// Fires the first timer that is due; nil when none is.
  mutating func fireDue(at now: Int64) -> Firing? {
    guard let name = timers.takeDue(at: now) else { return nil }
    return machine.timerFired(name, at: now, &timers)
  }

  /// Ends it: it could not be sent, or is not waited for any more.
  /// - Returns: whether the user was still waiting.
  mutating func abandon() -> Bool { machine.abandon(&timers) }
}

private enum ClientMachine: ~Copyable {
  case invite(InviteClientTransaction)
  case other(NonInviteClientTransaction)

  var isTerminated: Bool {
    switch self {
    case .invite(let machine): machine.phase == .terminated
    case .other(let machine): machine.phase == .terminated
    }
  }

  mutating func responseReceived(
    status: Int,
    at now: Int64,
    ack: () -> [UInt8],
    _ timers: inout RunningTimers
  ) -> ClientSide.Receipt {
    switch consume self {
    case .invite(var invite):
      let action = invite.responseReceived(status: status, ack: ack)
      self = .invite(invite)
      switch action {
      case .pass:
        timers.stop()
        return ClientSide.Receipt(isPassed: true)
      case .passAccepted(let endAfter):
        timers.retransmit = nil
        timers.giveUp = nil
        if let endAfter { timers.end = now &+ endAfter }
        return ClientSide.Receipt(isPassed: true)
      case .passAndAcknowledge(let ack, let endAfter):
        timers.stop()
        timers.end = endAfter.map { now &+ $0 }
        return ClientSide.Receipt(isPassed: true, ack: ack)
      case .acknowledge(let ack): return ClientSide.Receipt(ack: ack)
      case .ignore: return ClientSide.Receipt()
      }
    case .other(var other):
      let action = other.responseReceived(status: status)
      self = .other(other)
      switch action {
      case .pass: return ClientSide.Receipt(isPassed: true)
      case .passFinal(let endAfter):
        timers.stop()
        timers.end = now &+ endAfter
        return ClientSide.Receipt(isPassed: true)
      case .passAndTerminate:
        timers.stop()
        return ClientSide.Receipt(isPassed: true)
      case .ignore: return ClientSide.Receipt()
      }
    }
  }

  mutating func timerFired(
    _ name: TimerName,
    at now: Int64,
    _ timers: inout RunningTimers
  ) -> ClientSide.Firing {
    switch consume self {
    case .invite(var invite):
      let action = invite.timerFired(name)
      self = .invite(invite)
      switch action {
      case .retransmit(let bytes, let again):
        timers.retransmit = now &+ again
        return .send(bytes)
      case .giveUp:
        timers.stop()
        return .timedOut
      case .terminate, .ignore: return .nothing
      }
    case .other(var other):
      let action = other.timerFired(name)
      self = .other(other)
      switch action {
      case .retransmit(let bytes, let again):
        timers.retransmit = now &+ again
        return .send(bytes)
      case .giveUp:
        timers.stop()
        return .timedOut
      case .terminate, .ignore: return .nothing
      }
    }
  }

  mutating func abandon(_ timers: inout RunningTimers) -> Bool {
    switch consume self {
    case .invite(var invite):
      let action = invite.transportFailed()
      if invite.phase == .terminated { timers.stop() }
      self = .invite(invite)
      return action == .giveUp
    case .other(var other):
      let action = other.transportFailed()
      if other.phase == .terminated { timers.stop() }
      self = .other(other)
      return action == .giveUp
    }
  }
}
