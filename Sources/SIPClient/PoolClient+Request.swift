/// What one user asks of the pool.
public enum UserRequest: Hashable, Sendable {
  /// To register or refresh its contact.
  case register
  /// For its bindings.
  case query
  /// To remove its contact.
  case remove
}

/// What one request of a user came to.
public struct UserAnswer: Hashable, Sendable {
  /// Why it failed; `nil` when it was answered with a 2xx.
  public var failure: FailureReason?
  /// The contacts in the answer.
  public var contacts: [RegisteredContact]
  /// The user's own contact, as it registers it.
  public var ownContact: String
}

extension PoolClient {
  /// One request of one user, over as many servers as it takes.
  /// - Parameters:
  ///   - user: its number.
  ///   - servers: the servers it knows, by index, the one to ask first at the front; all of them when empty.
  public func ask(_ request: UserRequest, user: Int, servers: [Int]) async -> UserAnswer {
    let known = servers.filter(configuration.servers.indices.contains)
    let order = (known.isEmpty ? Array(configuration.servers.indices) : known).map { UInt8(clamping: $0) }
    guard (0..<configuration.users).contains(user) else {
      return UserAnswer(failure: .closed, contacts: [], ownContact: "")
    }
    return await onLoop { loop, done in
      let kind: RequestKind =
        switch request {
        case .register: .register
        case .query: .query
        case .remove: .remove
        }
      loop.begin(kind, user: user, order: order) { outcome, contacts in
        var answer = UserAnswer(failure: nil, contacts: contacts, ownContact: loop.writer.contact(user))
        if case .failure(let reason) = outcome { answer.failure = reason }
        done(answer)
      }
    } ?? UserAnswer(failure: .closed, contacts: [], ownContact: "")
  }
}
