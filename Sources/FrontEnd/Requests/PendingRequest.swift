import PoolModel
import SIPMessage

/// A request that was taken and is not answered yet, and is worked on at the primary of its group, here or elsewhere.
final class PendingRequest {
  /// What it waits for.
  enum Stage {
    /// Its turn among the requests of its address-of-record, or its write.
    case here
    /// A swap of its group's primary to end.
    case held
    /// The answer of another server.
    case passedOn(ServerName)
    /// A primary to be found.
    case seeking
    /// Nothing: it is answered.
    case done
  }

  /// The request.
  let message: SIPMessage
  /// Where it came from.
  let source: MessageSource
  /// Its transaction.
  let key: TransactionKey
  /// The canonical address-of-record it is about.
  let addressOfRecord: String
  /// The group of that.
  let group: RoutingGroupID
  /// When it came.
  let arrived: Instant
  /// When it is given up while it has no primary.
  let deadline: Instant
  /// Takes what goes back to another server that passed it in.
  let answerPeer: ((PeerFrame) -> Void)?
  /// Where it is.
  var stage = Stage.seeking
  /// How often a decision on it had to be made again.
  var attempts = 0
  /// The user that it proved to be.
  var proved: String?
  /// Whether it was passed on to a primary that then did not answer, or was none any more: another is on its way.
  var wasPassedOn = false
  /// Whether its deadline is watched.
  var isTimed = false
  /// How often it was routed; the answer to a passed request with an older number is late.
  var routings = 0

  init(
    message: SIPMessage,
    source: MessageSource,
    key: TransactionKey,
    addressOfRecord: String,
    group: RoutingGroupID,
    arrived: Instant,
    deadline: Instant,
    answerPeer: ((PeerFrame) -> Void)?
  ) {
    self.message = message
    self.source = source
    self.key = key
    self.addressOfRecord = addressOfRecord
    self.group = group
    self.arrived = arrived
    self.deadline = deadline
    self.answerPeer = answerPeer
  }

  /// Whether it is answered.
  var isDone: Bool { if case .done = stage { true } else { false } }
}

/// What tells one server transaction from another (RFC 3261 section 17.2.3): branch, sent-by, method. Kept as 128 bits
/// of a hash keyed by this process, so that no sender can make two of them alike.
struct TransactionKey: Hashable {
  private let first: Int
  private let second: Int

  /// The key of a request's topmost Via. A branch without the magic cookie is not unique: then all that RFC 2543 took
  /// is taken in.
  init(_ message: SIPMessage, _ via: Via, from source: MessageSource) {
    var hasher = Hasher()
    hasher.combine(message.method)
    hasher.combine(via.port)
    Self.feed(&hasher, via.host)
    Self.feed(&hasher, via.branch ?? [])
    hasher.combine(source.address)
    if !via.hasMagicCookie {
      hasher.combine(source.port)
      for name in [SIPHeaderName.callID, .cseq, .from, .to] {
        for value in message.values(of: name) { Self.feed(&hasher, value) }
      }
      Self.feed(&hasher, message.requestURIBytes)
    }
    var again = hasher
    again.combine(0x51)
    first = hasher.finalize()
    second = again.finalize()
  }

  private static func feed(_ hasher: inout Hasher, _ bytes: ArraySlice<UInt8>) {
    hasher.combine(bytes.count)
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}
