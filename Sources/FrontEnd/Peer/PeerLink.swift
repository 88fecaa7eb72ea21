import Logging
import NIOCore
import PoolModel

/// How a call to another server ended.
enum PeerAnswer {
  /// It answered.
  case frame(PeerFrame)
  /// The connection broke or never came up: whether the call was performed is not known.
  case gone
  /// Too much is pending or waits to be sent: the call was not made.
  case full
}

/// The calls this server makes to one other server, over one connection that is made when it is needed and made again,
/// with growing pauses, when it broke.
final class PeerLink: PeerConnectionOwner {
  private enum State {
    /// No connection; one is made with the next call, not before `since`.
    case idle(notBefore: Instant)
    /// Being made; calls wait.
    case connecting
    /// Up.
    case open(PeerConnection)
    /// Never again.
    case closed
  }

  typealias Completion = (PeerAnswer) -> Void

  private static let firstPause: Duration = .milliseconds(20)
  private static let longestPause: Duration = .milliseconds(500)

  let peer: ServerName
  private let eventLoop: any EventLoop
  private let connect: (PeerLink) -> Void
  private let limits: FrontEndLimits
  private var state = State.idle(notBefore: Instant(nanoseconds: 0))
  private var pause = PeerLink.firstPause
  private var waiting: [PeerFrame] = []
  private var pending: [UInt64: (completion: Completion, since: Instant)] = [:]
  private var nextCall: UInt64 = 1

  /// A link without a connection.
  /// - Parameter connect: begins a connection whose handler's owner is this link; calls `connectFailed` if that fails.
  init(
    to peer: ServerName,
    eventLoop: any EventLoop,
    limits: FrontEndLimits,
    connect: @escaping (PeerLink) -> Void
  ) {
    self.peer = peer
    self.eventLoop = eventLoop
    self.limits = limits
    self.connect = connect
  }

  /// Calls that are not answered yet.
  var pendingCount: Int { pending.count }

  /// Makes a call. `completion` is called once, perhaps before this returns.
  func call(_ type: PeerFrameType, _ body: ByteBuffer, completion: @escaping Completion) {
    guard pending.count < limits.peerCallsPending else { return completion(.full) }
    let call = nextCall
    nextCall &+= 1
    let frame = PeerFrame(type, call: call, body: body)
    switch state {
    case .closed:
      completion(.gone)
    case .open(let connection):
      guard connection.send(frame) else { return completion(.full) }
      pending[call] = (completion, ServerClock.now())
    case .connecting:
      pending[call] = (completion, ServerClock.now())
      waiting.append(frame)
    case .idle(let notBefore):
      let now = ServerClock.now()
      guard now >= notBefore else { return completion(.gone) }
      pending[call] = (completion, now)
      waiting.append(frame)
      state = .connecting
      connect(self)
    }
  }

  /// Ends calls that were not answered in time: the peer lives, but does not get to them.
  func sweep(at now: Instant) {
    for (call, entry) in pending where now - entry.since > limits.peerCallTime {
      pending[call] = nil
      entry.completion(.gone)
    }
  }

  /// Closes for good; open calls end with `.gone`.
  func close() {
    if case .open(let connection) = state { connection.close() }
    state = .closed
    failAll()
  }

  /// The connection that was asked for could not be made.
  func connectFailed() {
    guard case .connecting = state else { return }
    rest()
  }

  func peerOpened(_ connection: PeerConnection, peer: ServerName) {
    guard case .connecting = state, peer == self.peer else { return connection.close() }
    state = .open(connection)
    pause = Self.firstPause
    let frames = waiting
    waiting = []
    for frame in frames where !connection.send(frame) {
      pending.removeValue(forKey: frame.call)?.completion(.full)
    }
  }

  func peerReceived(_ frame: PeerFrame, on connection: PeerConnection) {
    pending.removeValue(forKey: frame.call)?.completion(.frame(frame))
  }

  func peerClosed(_ connection: PeerConnection) {
    if case .open(let mine) = state, mine !== connection { return }
    if case .closed = state { return }
    rest()
  }

  private func rest() {
    state = .idle(notBefore: ServerClock.now() + pause)
    pause = min(pause * 2, Self.longestPause)
    failAll()
  }

  private func failAll() {
    let calls = pending
    pending = [:]
    waiting = []
    for call in calls.values { call.completion(.gone) }
  }
}
