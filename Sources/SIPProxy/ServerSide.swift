import SIPTransaction

/// The server transaction of a response context, of either kind, with its timers.
struct ServerSide: ~Copyable {
  private var machine: ServerMachine
  private(set) var timers = RunningTimers()

  init(isInvite: Bool, transport: TransportKind, timers: TimerValues) {
    machine =
      isInvite
      ? .invite(InviteServerTransaction(transport: transport, timers: timers))
      : .other(NonInviteServerTransaction(transport: transport, timers: timers))
  }

  var isTerminated: Bool { machine.isTerminated }

  /// The request came again.
  /// - Returns: what to send.
  mutating func requestRepeated() -> [UInt8]? { machine.requestRepeated() }

  /// Sends a response.
  /// - Returns: what to send; nil when it is too late.
  mutating func respond(_ response: [UInt8], status: Int, at now: Int64) -> [UInt8]? {
    machine.respond(response, status: status, at: now, &timers)
  }

  /// The ACK came.
  /// - Returns: whether it is for a 2xx, and is to be passed on.
  mutating func ackReceived(at now: Int64) -> Bool { machine.ackReceived(at: now, &timers) }

  /// Fires the first timer that is due.
  /// - Returns: nil when none is due; else what to send, if anything.
  mutating func fireDue(at now: Int64) -> [UInt8]?? {
    guard let name = timers.takeDue(at: now) else { return nil }
    return .some(machine.timerFired(name, at: now, &timers))
  }

  /// Ends it without an answer.
  mutating func abandon() {
    timers.stop()
    machine.abandon()
  }
}

private enum ServerMachine: ~Copyable {
  case invite(InviteServerTransaction)
  case other(NonInviteServerTransaction)

  var isTerminated: Bool {
    switch self {
    case .invite(let machine): machine.phase == .terminated
    case .other(let machine): machine.phase == .terminated
    }
  }

  mutating func requestRepeated() -> [UInt8]? {
    switch consume self {
    case .invite(var invite):
      let action = invite.requestRepeated()
      self = .invite(invite)
      if case .send(let bytes) = action { return bytes }
    case .other(var other):
      let action = other.requestRepeated()
      self = .other(other)
      if case .send(let bytes) = action { return bytes }
    }
    return nil
  }

  mutating func respond(_ response: [UInt8], status: Int, at now: Int64, _ timers: inout RunningTimers)
    -> [UInt8]?
  {
    switch consume self {
    case .invite(var invite):
      let action = invite.respond(response, status: status)
      self = .invite(invite)
      switch action {
      case .send(let bytes): return bytes
      case .sendFinal(let bytes, let retransmitAfter, let giveUpAfter):
        timers.retransmit = retransmitAfter.map { now &+ $0 }
        timers.giveUp = now &+ giveUpAfter
        return bytes
      case .sendAccepted(let bytes, let endAfter):
        if let endAfter { timers.end = now &+ endAfter }
        return bytes
      case .ignore: return nil
      }
    case .other(var other):
      let action = other.respond(response, status: status)
      self = .other(other)
      switch action {
      case .send(let bytes), .sendAndTerminate(let bytes): return bytes
      case .sendAndStart(let bytes, _, let after):
        timers.end = now &+ after
        return bytes
      case .ignore: return nil
      }
    }
  }

  mutating func ackReceived(at now: Int64, _ timers: inout RunningTimers) -> Bool {
    switch consume self {
    case .other(let other):
      self = .other(other)
      return false
    case .invite(var invite):
      let action = invite.ackReceived()
      self = .invite(invite)
      switch action {
      case .confirm(let endAfter):
        timers.stop()
        timers.end = now &+ endAfter
        return false
      case .terminate:
        timers.stop()
        return false
      case .pass: return true
      case .ignore: return false
      }
    }
  }

  mutating func timerFired(_ name: TimerName, at now: Int64, _ timers: inout RunningTimers) -> [UInt8]? {
    switch consume self {
    case .other(var other):
      _ = other.timerFired(name)
      self = .other(other)
    case .invite(var invite):
      let action = invite.timerFired(name)
      self = .invite(invite)
      switch action {
      case .retransmit(let bytes, let again):
        timers.retransmit = now &+ again
        return bytes
      case .giveUp, .terminate: timers.stop()
      case .ignore: break
      }
    }
    return nil
  }

  mutating func abandon() {
    switch consume self {
    case .invite(var invite):
      _ = invite.transportFailed()
      self = .invite(invite)
    case .other(var other):
      _ = other.transportFailed()
      self = .other(other)
    }
  }
}
