/// What an audit of bindings found: each user's bindings as a server lists them against what was acknowledged to it.
public struct BindingAudit: Sendable {
  /// Users to whom a binding was acknowledged that cannot have expired yet.
  public internal(set) var acknowledged = 0
  /// Of those, users whose contact is listed with at least the time that is left of what was acknowledged.
  public internal(set) var present = 0
  /// Of those, users who got an answer without it.
  public internal(set) var lost = 0
  /// Of those, users who got no answer.
  public internal(set) var unanswered = 0
  /// Names of the first 20 who are lost or unanswered, with what the server said.
  public internal(set) var examples: [String] = []

  /// Nothing audited yet.
  public init() {}

  /// Every acknowledged binding was found.
  public var isClean: Bool { present == acknowledged }

  mutating func add(_ other: BindingAudit) {
    acknowledged += other.acknowledged
    present += other.present
    lost += other.lost
    unanswered += other.unanswered
    examples = Array((examples + other.examples).prefix(20))
  }
}

/// A contact in the answer to a REGISTER.
public struct RegisteredContact: Hashable, Sendable {
  /// Its URI as listed.
  public var uri: String
  /// The seconds that it lives yet.
  public var expires: Int?
}

/// What a query of one user's bindings brought.
public struct ListedBindings: Sendable {
  /// The user's number.
  public var user: Int
  /// The contacts; `nil` when there was no 2xx.
  public var contacts: [RegisteredContact]?
  /// Why there was none.
  public var failure: FailureReason?
}

/// A response, as far as the client reads it.
struct ClientResponse: Sendable {
  /// From the top Via's branch.
  var identity: TransactionID
  /// The status code.
  var status: Int
  /// Its contacts.
  var contacts: [RegisteredContact]
}

extension ClientLoop {
  /// Judges one user's answer. Two seconds are allowed for rounding and for the answer's own way.
  func judge(_ user: Int, _ outcome: RequestOutcome, _ contacts: [RegisteredContact]) -> BindingAudit {
    var audit = BindingAudit()
    let left = (users[user].acknowledgedUntil &- Self.now) / 1_000_000_000
    guard users[user].acknowledgedUntil > 0, left > 2 else { return audit }
    audit.acknowledged = 1
    guard case .success = outcome else {
      audit.unanswered = 1
      audit.examples = ["\(writer.name(user)): \(outcome)"]
      return audit
    }
    let own = writer.contact(user)
    if let found = contacts.first(where: { $0.uri == own }), Int64(found.expires ?? 0) >= left - 2 {
      audit.present = 1
    } else {
      audit.lost = 1
      let listed = contacts.map { "\($0.uri);expires=\($0.expires.map(String.init) ?? "-")" }
      audit.examples = ["\(writer.name(user)): wanted \(own) for \(left) s, got \(listed)"]
    }
    return audit
  }
}
