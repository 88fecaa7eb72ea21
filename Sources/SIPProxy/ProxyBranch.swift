import SIPMessage
import SIPTransaction

/// One request that was sent on, and what became of it.
final class ProxyBranch<Destination> {
  let index: Int
  let target: ProxyTarget<Destination>
  /// The same device by other flows, to be tried when this one fails.
  let alternates: [ProxyTarget<Destination>]
  /// The branch of our Via.
  let id: [UInt8]
  /// The request as it was sent.
  let request: [UInt8]
  var client: ClientSide
  /// The transaction of the CANCEL, when one was sent.
  var cancel: ClientSide?
  /// The status it ended with.
  var final: Int?
  var hasProvisional = false
  /// A CANCEL goes out with the first provisional response (RFC 3261 section 9.1).
  var wantsCancel = false
  /// Timer C: how long it may ring.
  var timerC: Int64?
  /// When to stop waiting for the final response to a cancelled INVITE (RFC 3261 section 9.1).
  var cancelDeadline: Int64?

  init(
    index: Int,
    slot: ForkPlan<Destination>.Slot,
    target: ProxyTarget<Destination>,
    id: [UInt8],
    request: [UInt8],
    client: consuming ClientSide
  ) {
    self.index = index
    self.target = target
    alternates = Array(slot.dropFirst())
    self.id = id
    self.request = request
    self.client = client
  }

  var isPending: Bool { final == nil }

  /// Whether nothing more can come of it.
  var isOver: Bool {
    let isCancelOver = cancel?.isTerminated ?? true
    return final != nil && client.isTerminated && isCancelOver
  }

  var nextDeadline: Int64? {
    let transactions = earliest(client.timers.next, cancel?.timers.next)
    return isPending ? earliest(transactions, earliest(timerC, cancelDeadline)) : transactions
  }

  /// The ACK for a final response of 300 to 699; empty when it cannot be made.
  func ack(for response: SIPMessage) -> [UInt8] {
    do {
      return try DerivedRequest.ack(for: SIPMessage(parsing: request, limits: .stream), response: response)
    } catch {
      return []
    }
  }

  /// The CANCEL; nil when it cannot be made.
  func cancelRequest() -> [UInt8]? {
    do {
      return try DerivedRequest.cancel(for: SIPMessage(parsing: request, limits: .stream))
    } catch {
      return nil
    }
  }
}
