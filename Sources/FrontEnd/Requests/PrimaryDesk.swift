import CoreMetrics
import FabricAgent
import FabricStore
import Logging
import NIOCore
import PoolModel
import SIPMessage

/// What the desk asks of the server around it.
protocol PrimaryDeskOwner: AnyObject {
  /// Decides what a request does to a record.
  func decide(_ request: PendingRequest, on record: StoredRecord?) -> RecordDecision
  /// The request leaves the desk; its answer follows at once.
  func ended(_ request: PendingRequest)
  /// Sends the answer to whoever sent the request.
  func answer(_ request: PendingRequest, with response: [UInt8])
  /// Sends 503 with Retry-After.
  func refuse(_ request: PendingRequest, because reason: RefusalReason)
}

/// What a request does to the record of its address-of-record.
enum RecordDecision {
  /// Nothing: answer.
  case answer([UInt8])
  /// It becomes these bytes, or is deleted; answer once that is durable.
  case write([UInt8]?, answer: [UInt8])
  /// The record cannot be read, or the answer cannot be written: 503, and nothing is changed.
  case unreadable
}

/// Brings requests to the primary of their group: here one after the other for each address-of-record, elsewhere over
/// the peer link, and again when the primary moves. It ends every request it takes with one answer.
final class PrimaryDesk {
  private struct Order {
    var current: PendingRequest
    var waiting: [PendingRequest] = []
  }

  private let limits: FrontEndLimits
  private let agent: any FabricAccess
  private let network: PeerNetwork
  private let metrics: FrontEndMetrics
  private unowned let owner: any PrimaryDeskOwner
  private var orders: [String: Order] = [:]
  private var held: [RoutingGroupID: [PendingRequest]] = [:]
  private var heldCount = 0
  private var seeking: [PendingRequest] = []
  private var passedOnCount = 0
  /// Requests that left the local path, by deadline: all have the same patience, so the first is the next.
  private var deadlines: [PendingRequest] = []
  private var firstDeadline = 0

  init(
    agent: any FabricAccess,
    network: PeerNetwork,
    limits: FrontEndLimits,
    metrics: FrontEndMetrics,
    owner: any PrimaryDeskOwner
  ) {
    self.agent = agent
    self.network = network
    self.limits = limits
    self.metrics = metrics
    self.owner = owner
  }

  /// Requests that wait for a swap to end.
  var requestsHeld: Int { heldCount }
  /// Requests passed on and not yet answered.
  var requestsPassedOn: Int { passedOnCount }

  /// Takes a request and sees to it until it is answered.
  func take(_ request: PendingRequest) { route(request) }

  /// The route of a group changed: what waited for that goes on, in the order in which it came.
  func routeChanged(_ group: RoutingGroupID) {
    if let waiting = held.removeValue(forKey: group) {
      heldCount -= waiting.count
      for request in waiting where !request.isDone { route(request) }
    }
    guard seeking.contains(where: { $0.group == group }) else { return }
    let all = seeking
    seeking = []
    for request in all {
      if request.group == group { route(request) } else { seeking.append(request) }
    }
  }

  /// Looks again for those without a primary, and gives up those whose time is over.
  func tick(at now: Instant) {
    let again = seeking
    seeking = []
    for request in again where !request.isDone { route(request) }
    while firstDeadline < deadlines.count {
      let request = deadlines[firstDeadline]
      guard request.isDone || request.deadline <= now else { break }
      firstDeadline += 1
      giveUp(request)
    }
    // One that waits long must not keep alive all that came after it and are answered.
    if deadlines.count > 1_024 {
      deadlines = deadlines[firstDeadline...].filter { !$0.isDone }
      firstDeadline = 0
    }
  }

  private func giveUp(_ request: PendingRequest) {
    switch request.stage {
    case .done, .here: return
    case .held:
      held[request.group]?.removeAll { $0 === request }
      heldCount -= 1
    case .passedOn: passedOnCount -= 1
    case .seeking: seeking.removeAll { $0 === request }
    }
    finish(request) { self.owner.refuse(request, because: .noPrimary) }
  }

  private func route(_ request: PendingRequest) {
    request.routings += 1
    switch agent.route(request.group) {
    case .here: enqueue(request)
    case .held: hold(request)
    case .elsewhere(let server, _):
      if let answer = request.answerPeer {
        finish(request) { answer(PeerFrame(.notPrimary)) }
      } else {
        pass(request, to: server)
      }
    case .unavailable:
      if let answer = request.answerPeer {
        finish(request) { answer(PeerFrame(.notPrimary)) }
      } else if request.wasPassedOn || ServerClock.now() - request.arrived < limits.unavailablePatience {
        seek(request)
      } else {
        finish(request) { owner.refuse(request, because: .noPrimary) }
      }
    }
  }

  private func seek(_ request: PendingRequest) {
    guard agent.groupCount != nil else {
      return finish(request) { owner.refuse(request, because: .starting) }
    }
    request.stage = .seeking
    seeking.append(request)
    watchDeadline(request)
  }

  private func hold(_ request: PendingRequest) {
    guard heldCount < limits.requestsHeld else {
      return finish(request) { owner.refuse(request, because: .heldQueue) }
    }
    request.stage = .held
    held[request.group, default: []].append(request)
    heldCount += 1
    watchDeadline(request)
  }

  /// Puts the request under its deadline, once.
  private func watchDeadline(_ request: PendingRequest) {
    guard !request.isTimed else { return }
    request.isTimed = true
    deadlines.append(request)
  }

  private func finish(_ request: PendingRequest, _ last: () -> Void) {
    request.stage = .done
    owner.ended(request)
    last()
  }
}

// MARK: - Elsewhere

extension PrimaryDesk {
  private func pass(_ request: PendingRequest, to server: ServerName) {
    guard passedOnCount < limits.requestsPassedOn else {
      return finish(request) { owner.refuse(request, because: .overload) }
    }
    request.stage = .passedOn(server)
    request.wasPassedOn = true
    passedOnCount += 1
    watchDeadline(request)
    metrics.passedOn.increment()
    let routing = request.routings
    let body = PassedRequest(request.message.bytes, from: request.source).body
    network.link(to: server).call(.request, body) { [self] answer in
      // An answer that comes after the request was given up or routed anew is late.
      guard case .passedOn = request.stage, request.routings == routing else { return }
      passedOnCount -= 1
      came(answer, from: server, for: request)
    }
  }

  private func came(_ answer: PeerAnswer, from server: ServerName, for request: PendingRequest) {
    guard case .frame(let frame) = answer else {
      if case .full = answer { return finish(request) { owner.refuse(request, because: .overload) } }
      return seek(request)
    }
    switch frame.type {
    case .response:
      finish(request) { owner.answer(request, with: Array(frame.body.readableBytesView)) }
    case .busy:
      finish(request) { owner.refuse(request, because: .overload) }
    default:
      // It leads no more. Perhaps this server has seen already who does.
      switch agent.route(request.group) {
      case .elsewhere(server, _), .unavailable: seek(request)
      case .here, .held, .elsewhere: route(request)
      }
    }
  }
}

// MARK: - Here

extension PrimaryDesk {
  private func enqueue(_ request: PendingRequest) {
    request.stage = .here
    // One look-up in the usual case, that there is no other of its address.
    guard let earlier = orders.updateValue(Order(current: request), forKey: request.addressOfRecord) else {
      return decide(request, on: agent.record(of: request.addressOfRecord, in: request.group))
    }
    orders[request.addressOfRecord] = earlier
    guard earlier.waiting.count < limits.requestsPerAddressOfRecord else {
      return finish(request) { owner.refuse(request, because: .addressOfRecordQueue) }
    }
    orders[request.addressOfRecord]?.waiting.append(request)
  }

  private func decide(_ request: PendingRequest, on record: StoredRecord?) {
    switch owner.decide(request, on: record) {
    case .answer(let response):
      finish(request) { owner.answer(request, with: response) }
      next(request.addressOfRecord)
    case .unreadable:
      finish(request) { owner.refuse(request, because: .store) }
      next(request.addressOfRecord)
    case .write(let bytes, let response):
      agent.write(
        bytes,
        for: request.addressOfRecord,
        in: request.group,
        expecting: record?.revision ?? 0
      ) { [self] outcome in written(outcome, response, for: request) }
    }
  }

  private func written(_ outcome: WriteOutcome, _ response: [UInt8], for request: PendingRequest) {
    switch outcome {
    case .applied:
      finish(request) { owner.answer(request, with: response) }
      next(request.addressOfRecord)
    case .conflict(let current):
      request.attempts += 1
      guard request.attempts < limits.writeAttempts else {
        finish(request) { owner.refuse(request, because: .conflicts) }
        return next(request.addressOfRecord)
      }
      decide(request, on: current)
    case .notPrimary:
      // All of them go to the new primary, in their order.
      let order = orders.removeValue(forKey: request.addressOfRecord)
      route(request)
      for waiting in order?.waiting ?? [] { route(waiting) }
    case .failed:
      finish(request) { owner.refuse(request, because: .store) }
      next(request.addressOfRecord)
    }
  }

  /// Begins the next request of an address-of-record, unless the group has gone meanwhile. A row of requests that only
  /// read recurses no deeper than the limit of such a row.
  private func next(_ addressOfRecord: String) {
    guard var order = orders.removeValue(forKey: addressOfRecord), !order.waiting.isEmpty else { return }
    let following = order.waiting.removeFirst()
    order.current = following
    guard case .here = agent.route(following.group) else {
      route(following)
      for waiting in order.waiting { route(waiting) }
      return
    }
    orders[addressOfRecord] = order
    decide(following, on: agent.record(of: addressOfRecord, in: following.group))
  }
}
